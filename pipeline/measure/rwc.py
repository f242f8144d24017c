"""Relative weight change (RWC) of each layer between the ends of two epochs (arXiv 2011.06735)."""

import math

import torch
from torch import Tensor

from .block import Block
from .measurements import measurement, summed


@summed
def change(block: Block) -> Tensor:
    return block.change.sum()


@summed
def size(block: Block) -> Tensor:
    return block.size.sum()


@summed
def relative_changes(block: Block) -> Tensor:
    """Sum |after - before| / |before| over the elements that were not zero."""
    return (block.change * block.inverse).sum()


@summed
def inverse_sizes(block: Block) -> Tensor:
    """Sum 1 / |before| over the elements that were not zero."""
    return block.inverse.sum()


@summed
def nonzero(block: Block) -> Tensor:
    """Count the elements that were not zero; torch.count_nonzero takes three times as long."""
    return block.size.sign().sum()


@summed
def elements(block: Block) -> Tensor:
    return block.size.new_full((), block.size.numel())


@measurement("rwc", "||after - before||_1 / ||before||_1, the paper's Eq. 1")
def relative_weight_change(change: Tensor, size: Tensor) -> Tensor:
    """Return ||after - before||_1 / ||before||_1, the paper's Eq. 1; NaN if all previous weights are zero."""
    return torch.where(size > 0, change / size, math.nan)


@measurement("rwc_elementwise", "mean(|after - before| / |before|) over the elements that were not zero")
def elementwise_weight_change(relative_changes: Tensor, nonzero: Tensor) -> Tensor:
    """Return mean(|after - before| / |before|) over the elements that were not zero, as the paper's code computes it.

    At the same true change it grows with the number of elements: for Gaussian weights its expectation is infinite. NaN
    if all previous weights are zero.
    """
    return relative_changes / nonzero


@measurement("shape_factor", "B = mean |before| x mean(1 / |before|) over the elements that were not zero")
def shape_factor(size: Tensor, inverse_sizes: Tensor, nonzero: Tensor) -> Tensor:
    """Return B, the mean of |before| times the mean of 1 / |before| over the elements that were not zero.

    It is what `rwc_elementwise` has beside `rwc` where changes do not depend on the weights: rwc_elementwise = rwc B
    (1 + what |change| and 1 / |before| have in common). It grows with the number of weights, and is larger for peaked
    distributions than for flat ones. NaN if all previous weights are zero.
    """
    return size / nonzero * (inverse_sizes / nonzero)


@measurement("weights", "number of elements, with which rwc_elementwise grows")
def number_of_weights(elements: Tensor) -> Tensor:
    """Return the number of elements, with which `rwc_elementwise` grows."""
    return elements


@measurement("rwc_elementwise_zeros", "number of elements that rwc_elementwise skips because they were zero")
def zeros_left_out(elements: Tensor, nonzero: Tensor) -> Tensor:
    """Return the number of elements that `rwc_elementwise` skips because they were zero."""
    return elements - nonzero
