"""The registries of measurements and their parts."""

import pytest
import torch
from torch import Tensor, nn

from pipeline.measure import FORMULAS, StepSampler
from pipeline.measure.measurements import MEASUREMENTS, SUMS, WHOLES, measurement, parts_of, summed, whole


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_every_measurement_is_made_of_registered_parts(name: str) -> None:
    assert parts_of(name)
    assert set(parts_of(name)) <= set(SUMS) | set(WHOLES)


def test_a_name_registers_once() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        measurement("rwc", "a formula")(MEASUREMENTS["rwc"].compute)

    def size() -> Tensor: ...

    with pytest.raises(ValueError, match="registered twice"):
        summed(size)
    with pytest.raises(ValueError, match="registered twice"):
        whole(size)


def test_every_value_that_a_seed_logs_has_a_formula() -> None:
    network = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    sampler = StepSampler(network, optimizer, every=1)
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert set(FORMULAS) == {*MEASUREMENTS, *sampler.epoch_end({"": 1.0}), "remaining_distance"}
    assert all(FORMULAS.values())
