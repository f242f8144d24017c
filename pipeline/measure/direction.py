"""Rotation and displacement of each layer in an epoch, against the last one, and since the start (2-norm, radians).

In float32 the cosine of every small angle rounds to 1. So angles are computed from sums over the difference of the
weights (`_chord`), not from the scalar product.
"""

import math

import torch
from torch import Tensor, dot

from .block import Block
from .measurements import measurement, summed, summed_since_start, summed_with_last


@summed
def before_squared(block: Block) -> Tensor:
    return dot(block.before, block.before)


@summed
def difference_squared(block: Block) -> Tensor:
    return dot(block.difference, block.difference)


@summed
def difference_along(block: Block) -> Tensor:
    """Sum (after - before) * before: the part of the change along the weights."""
    return dot(block.difference, block.before)


@summed
def after_squared(block: Block) -> Tensor:
    return dot(block.after, block.after)


@summed_since_start
def initial_squared(block: Block) -> Tensor:
    return dot(block.initial, block.initial)


@summed_since_start
def drift_squared(block: Block) -> Tensor:
    return dot(block.drift, block.drift)


@summed_since_start
def drift_along(block: Block) -> Tensor:
    return dot(block.drift, block.initial)


@summed_with_last
def last_change_squared(block: Block) -> Tensor:
    return dot(block.last_change, block.last_change)


@summed_with_last
def difference_along_last(block: Block) -> Tensor:
    return dot(block.difference, block.last_change)


@measurement("l2_change", "||after - before|| / ||before||")
def relative_l2_change(difference_squared: Tensor, before_squared: Tensor) -> Tensor:
    """Return ||after - before|| / ||before||; NaN if all previous weights are zero."""
    return torch.where(before_squared > 0, (difference_squared / before_squared).sqrt(), math.nan)


@measurement("displacement", "||after - before||")
def displacement(difference_squared: Tensor) -> Tensor:
    """Return ||after - before||."""
    return difference_squared.sqrt()


@measurement("angular_update", "angle between before and after, radians (arXiv 2006.08419)")
def angular_update(difference_squared: Tensor, difference_along: Tensor, before_squared: Tensor) -> Tensor:
    """Return the angle between before and after, radians (arXiv 2006.08419); NaN if either is zero."""
    return 2 * (_chord(difference_squared, difference_along, before_squared) / 2).clamp(max=1).asin()


@measurement("layer_rotation", "1 - cos(angle between initial and after) (arXiv 1806.01603)")
def layer_rotation(drift_squared: Tensor, drift_along: Tensor, initial_squared: Tensor) -> Tensor:
    """Return 1 - cos of the angle between initial and after (arXiv 1806.01603); NaN if either is zero."""
    return _chord(drift_squared, drift_along, initial_squared).square() / 2


@measurement("distance_from_start", "||after - initial|| / ||initial||")
def distance_from_start(drift_squared: Tensor, initial_squared: Tensor) -> Tensor:
    """Return ||after - initial|| / ||initial||; NaN if all initial weights are zero."""
    return torch.where(initial_squared > 0, (drift_squared / initial_squared).sqrt(), math.nan)


@measurement("epoch_cosine", "cos(angle between this epoch's change and the last one's) (arXiv 2306.05300)")
def epoch_cosine(difference_along_last: Tensor, difference_squared: Tensor, last_change_squared: Tensor) -> Tensor:
    """Return the cosine between this epoch's change and the last one's: 1 for a straight path, 0 for a random walk.

    The last change is kept in bfloat16, of which 2^-9 of an element is lost, and no more than that of the cosine. NaN
    if either change is zero, and in the first epoch.
    """
    lengths = (difference_squared * last_change_squared).sqrt()
    return torch.where(lengths > 0, (difference_along_last / lengths).clamp(-1, 1), math.nan)


@measurement("weight_norm", "||after||")
def weight_norm(after_squared: Tensor) -> Tensor:
    """Return ||after||."""
    return after_squared.sqrt()


def _length_after(moved: Tensor, along: Tensor, from_squared: Tensor) -> Tensor:
    """Return the length of w + d from |d|^2, <d, w> and |w|^2."""
    return (from_squared + 2 * along + moved).clamp(min=0).sqrt()


def _chord(moved: Tensor, along: Tensor, from_squared: Tensor) -> Tensor:
    """Return the distance between w / |w| and (w + d) / |w + d| from |d|^2, <d, w> and |w|^2."""
    length, after = from_squared.sqrt(), _length_after(moved, along, from_squared)
    longer = (2 * along + moved) / (after + length)
    squared = ((moved - longer.square()) / (after * length)).clamp(min=0)
    return torch.where(after * length > 0, squared.sqrt(), math.nan)
