"""Single steps: which ones are measured, and what comes out, against steps followed by hand."""

import math

import pytest
import torch
from torch import nn

from pipeline.measure.steps import StepSampler

STEPS = 5


def angle(before: torch.Tensor, after: torch.Tensor) -> float:
    return math.acos(torch.nn.functional.cosine_similarity(before.flatten(), after.flatten(), dim=0).item())


@pytest.mark.parametrize(
    ("every", "whole", "sampled"),
    [
        (1, 5, [1, 2, 3, 4, 5]),
        (2, 5, [1, 3, 5]),
        (5, 5, [5]),
        (50, 5, [5]),
        (1, 4, [1, 2, 3, 4]),
        (2, 4, [2, 4]),
        (50, 4, [4]),
        (50, 0, [5]),
    ],
)
def test_steps_of_two_epochs_by_hand(every: int, whole: int, sampled: list[int]) -> None:
    draws = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3, bias=False), nn.Linear(3, 2)).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    sampler = StepSampler(model, optimizer, every=every, last=whole or STEPS)
    for _epoch in range(2):
        angles, sizes, ratios = [], [], []
        first = model[0].weight.detach().clone()
        for step in range(1, STEPS + 1):
            before = model[0].weight.detach().clone()
            model(torch.randn(8, 4, generator=draws, dtype=torch.float64)).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
            if step in sampled:
                after = model[0].weight.detach()
                angles.append(angle(before, after))
                sizes.append((after - before).norm().item())
                ratios.append(sizes[-1] / before.norm().item())
        displacement = (model[0].weight.detach() - first).norm().item()
        measured = sampler.epoch_end({"0": displacement, "1": 1.0})
        rms = math.sqrt(sum(each**2 for each in angles) / len(angles))
        assert measured["step_angle"]["0"] == pytest.approx(rms, rel=1e-5)
        assert measured["step_ratio"]["0"] == pytest.approx(ratios[-1], rel=1e-6)
        walk = STEPS + 2 * sum((STEPS - apart) * 0.5**apart for apart in range(1, STEPS))
        size = math.sqrt(sum(each**2 for each in sizes) / len(sizes))
        assert measured["straightness"]["0"] == pytest.approx(displacement / size / math.sqrt(walk), rel=1e-6)


def test_a_layer_that_does_not_move_turns_by_nothing_and_has_no_straightness() -> None:
    model = nn.Linear(2, 2, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    sampler = StepSampler(nn.Sequential(model), optimizer, every=1)
    (0 * model.weight).sum().backward()
    optimizer.step()
    measured = sampler.epoch_end({"0": 0.0})
    assert (measured["step_angle"]["0"], measured["step_ratio"]["0"]) == (0, 0)
    assert math.isnan(measured["straightness"]["0"])
