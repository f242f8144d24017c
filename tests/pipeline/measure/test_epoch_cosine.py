"""The cosine of successive changes: against float64, across resumes, and where it has no value."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pipeline.measure.block import CPU_ELEMENTS
from pipeline.measure.tracker import LayerTracker
from pipeline.measure.weights import copy_of

SHAPES = [(3, 4), (64, 3, 3, 3), (513, CPU_ELEMENTS // 256)]  # some elements, a block, three


def network(shape: tuple[int, ...], layout: Callable[[Tensor], Tensor] = Tensor.contiguous) -> nn.Module:
    model = nn.Module()
    draws = torch.Generator().manual_seed(0)
    model.weight = nn.Parameter(layout(torch.randn(shape, generator=draws)))
    return model


def walk(model: nn.Module, epoch: int, scale: float = 1e-3) -> Tensor:
    """Move the weights, and return the change in float64."""
    draws = torch.Generator().manual_seed(epoch)
    before = model.weight.detach().clone()
    with torch.no_grad():
        model.weight.add_(scale * (1 + torch.randn(before.shape, generator=draws)))
    return (model.weight.detach() - before).double()


def cosine(one: Tensor, other: Tensor) -> float:
    return ((one * other).sum() / one.norm() / other.norm()).item()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [1e-5, 1e-3, 3])
def test_it_is_that_of_float64_within_the_rounding_of_bfloat16(shape: tuple[int, ...], scale: float) -> None:
    model = network(shape)
    tracker = LayerTracker(model, ["epoch_cosine"])
    last = walk(model, 1, scale)
    assert math.isnan(tracker.epoch_end()["epoch_cosine"]["weight"])
    for epoch in (2, 3):
        change = walk(model, epoch, scale)
        assert tracker.epoch_end()["epoch_cosine"]["weight"] == pytest.approx(cosine(change, last), abs=2**-9)
        last = change


def test_it_is_1_on_a_straight_path_and_minus_1_on_the_way_back() -> None:
    model = network((3, 4))
    step = torch.linspace(-1, 1, 12).reshape(3, 4)
    tracker = LayerTracker(model, ["epoch_cosine"])
    found = []
    for sign in (1, 1, -1):
        with torch.no_grad():
            model.weight.add_(sign * step)
        found.append(tracker.epoch_end()["epoch_cosine"]["weight"])
    assert found[1:] == [pytest.approx(1, abs=1e-4), pytest.approx(-1, abs=1e-4)]


def test_a_layer_that_stands_still_has_none_and_the_epoch_after_it() -> None:
    model = network((3, 4))
    tracker = LayerTracker(model, ["epoch_cosine"])
    found = []
    for epoch in range(5):
        if epoch != 2:
            walk(model, epoch)
        found.append(tracker.epoch_end()["epoch_cosine"]["weight"])
    assert [math.isnan(value) for value in found] == [True, False, True, True, False]


def test_a_memory_layout_that_changes_does_not_change_it() -> None:
    plain, turned = network((8, 3, 3, 3)), network((8, 3, 3, 3))
    trackers = [LayerTracker(model, ["epoch_cosine"]) for model in (plain, turned)]
    for epoch in range(4):
        if epoch == 2:
            turned.to(memory_format=torch.channels_last)
        walk(plain, epoch), walk(turned, epoch)
        one, other = (tracker.epoch_end()["epoch_cosine"]["weight"] for tracker in trackers)
        assert one == pytest.approx(other, nan_ok=True, rel=1e-6)


def test_a_tracker_that_resumes_with_the_last_changes_continues_to_the_same_bits() -> None:
    model = network((300, 300))
    whole = LayerTracker(model, ["epoch_cosine"])
    walk(model, 1)
    whole.epoch_end()
    resumed = LayerTracker(model, ["epoch_cosine"])
    resumed.last_changes.update(copy_of(whole.last_changes))
    walk(model, 2)
    assert resumed.epoch_end() == whole.epoch_end()


def test_changes_are_kept_in_bfloat16_and_only_where_they_are_taken() -> None:
    model = network((3, 4))
    assert LayerTracker(model, ["rwc"]).last_changes == {}
    assert LayerTracker(model).last_changes["weight"].dtype == torch.bfloat16
