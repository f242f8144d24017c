"""Relative weight change (RWC) of each layer between two snapshots of its weights (arXiv 2011.06735)."""

import torch
from torch import Tensor

from pipeline.measure.registry import Weights, measurement


@measurement("rwc")
def relative_weight_change(before: Weights, after: Weights) -> dict[str, float]:
    """Return ||after - before||_1 / ||before||_1, the paper's Eq. 1; NaN where all previous weights are zero."""
    return _by_layer({layer: _relative_change(before[layer], after[layer]) for layer in after})


@measurement("rwc_elementwise")
def elementwise_weight_change(before: Weights, after: Weights) -> dict[str, float]:
    """Return mean(|after - before| / |before|) over the elements that were not zero, as the paper's code computes it.

    It grows with the number of elements at the same true change: its expectation is infinite for Gaussian weights. NaN
    where all previous weights are zero.
    """
    return _by_layer({layer: _elementwise_change(before[layer], after[layer]) for layer in after})


@measurement("rwc_elementwise_zeros")
def zeros_left_out(before: Weights, after: Weights) -> dict[str, float]:
    """Return the number of elements that `rwc_elementwise` leaves out, because they were zero."""
    return _by_layer({layer: (before[layer] == 0).sum() for layer in after})


def _relative_change(before: Tensor, after: Tensor) -> Tensor:
    size = before.abs().sum()
    return torch.where(size > 0, (after - before).abs().sum() / size, torch.nan)


def _elementwise_change(before: Tensor, after: Tensor) -> Tensor:
    nonzero = before != 0
    changes = torch.where(nonzero, (after - before) / before, 0).abs()
    return changes.sum() / nonzero.sum()


def _by_layer(values: dict[str, Tensor]) -> dict[str, float]:
    """Bring one number a layer to the host, in a single transfer."""
    numbers: list[float] = torch.stack([value.float() for value in values.values()]).tolist() if values else []
    return dict(zip(values, numbers, strict=True))
