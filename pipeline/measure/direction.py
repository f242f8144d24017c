"""How far a layer's weights turn and move, between two snapshots and from the start: lengths in the 2-norm, angles.

The cosine of a small angle is 1 in float32, whatever the angle. So every angle here is made of sums over the difference
of the weights (`_chord`), and not of the scalar product of the two.
"""

import math

import torch
from torch import Tensor, dot

from .block import Block
from .measurements import measurement, summed


@summed
def before_squared(block: Block) -> Tensor:
    return dot(block.before, block.before)


@summed
def difference_squared(block: Block) -> Tensor:
    return dot(block.difference, block.difference)


@summed
def difference_along(block: Block) -> Tensor:
    """Sum (after - before) before: how much of the change is along the weights."""
    return dot(block.difference, block.before)


@summed
def after_squared(block: Block) -> Tensor:
    return dot(block.after, block.after)


@summed
def start_squared(block: Block) -> Tensor:
    return dot(block.start, block.start)


@summed
def drift_squared(block: Block) -> Tensor:
    return dot(block.drift, block.drift)


@summed
def drift_along(block: Block) -> Tensor:
    return dot(block.drift, block.start)


@measurement("l2_change")
def relative_l2_change(difference_squared: Tensor, before_squared: Tensor) -> Tensor:
    """Return ||after - before|| / ||before||; NaN where all previous weights are zero."""
    return torch.where(before_squared > 0, (difference_squared / before_squared).sqrt(), math.nan)


@measurement("displacement")
def displacement(difference_squared: Tensor) -> Tensor:
    """Return ||after - before||."""
    return difference_squared.sqrt()


@measurement("angular_update")
def angular_update(difference_squared: Tensor, difference_along: Tensor, before_squared: Tensor) -> Tensor:
    """Return the angle between before and after, radians (arXiv 2006.08419); NaN where either is zero."""
    return 2 * (_chord(difference_squared, difference_along, before_squared) / 2).clamp(max=1).asin()


@measurement("layer_rotation")
def layer_rotation(drift_squared: Tensor, drift_along: Tensor, start_squared: Tensor) -> Tensor:
    """Return 1 - cos of the angle between weights and initial ones (arXiv 1806.01603); NaN where either is zero."""
    return _chord(drift_squared, drift_along, start_squared).square() / 2


@measurement("distance_from_start")
def distance_from_start(drift_squared: Tensor, start_squared: Tensor) -> Tensor:
    """Return ||after - start|| / ||start||; NaN where all initial weights are zero."""
    return torch.where(start_squared > 0, (drift_squared / start_squared).sqrt(), math.nan)


@measurement("weight_norm")
def weight_norm(after_squared: Tensor) -> Tensor:
    """Return ||after||."""
    return after_squared.sqrt()


def _length_after(moved: Tensor, along: Tensor, from_squared: Tensor) -> Tensor:
    """Return the length of w + d from |d|^2, <d, w> and |w|^2."""
    return (from_squared + 2 * along + moved).clamp(min=0).sqrt()


def _chord(moved: Tensor, along: Tensor, from_squared: Tensor) -> Tensor:
    """Return the distance of the directions of w and w + d on the unit sphere from |d|^2, <d, w> and |w|^2."""
    length, after = from_squared.sqrt(), _length_after(moved, along, from_squared)
    longer = (2 * along + moved) / (after + length)
    squared = ((moved - longer.square()) / (after * length)).clamp(min=0)
    return torch.where(after * length > 0, squared.sqrt(), math.nan)
