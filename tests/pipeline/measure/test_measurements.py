"""Measurements and their sums by name."""

import pytest
from torch import Tensor

from pipeline.measure.measurements import MEASUREMENTS, SUMS, WHOLES, measurement, parts_of, summed, whole


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_every_measurement_is_made_of_registered_parts(name: str) -> None:
    assert parts_of(name)
    assert set(parts_of(name)) <= set(SUMS) | set(WHOLES)


def test_a_name_registers_once() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        measurement("rwc")(MEASUREMENTS["rwc"])

    def size() -> Tensor: ...

    with pytest.raises(ValueError, match="registered twice"):
        summed(size)
    with pytest.raises(ValueError, match="registered twice"):
        whole(size)
