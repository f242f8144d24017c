"""Measurements and their sums by name."""

import pytest
from torch import Tensor

from pipeline.measure.registry import MEASUREMENTS, SUMS, measurement, summed, sums_of


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_every_measurement_is_made_of_registered_sums(name: str) -> None:
    assert sums_of(name)
    assert set(sums_of(name)) <= set(SUMS)


def test_a_name_registers_once() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        measurement("rwc")(MEASUREMENTS["rwc"])

    def size() -> Tensor: ...

    with pytest.raises(ValueError, match="registered twice"):
        summed(size)
