"""All measurements of all layers in one sweep over the weights, without a copy on the host."""

from collections.abc import Iterable

import torch
from torch import Tensor

from .block import blocks
from .registry import MEASUREMENTS, SUMS, WHOLES, parts_of

Weights = dict[str, Tensor]


@torch.no_grad()
def sweep(
    before: Weights,
    after: Weights,
    measurements: Iterable[str] = MEASUREMENTS,
    *,
    start: Weights | None = None,
    keep: bool = False,
) -> Tensor:
    """Return measurements x layers, float64, on the device of the weights, which does not wait for them.

    Layers are those of `after`; `start` holds the initial weights, of which only some measurements need to know. With
    `keep`, `before` holds a copy of `after` when it returns: written in the same sweep, while the weights are in the
    cache.
    """
    names = list(dict.fromkeys(name for measurement in measurements for name in parts_of(measurement)))
    summed, wholes = ([name for name in names if name in registry] for registry in (SUMS, WHOLES))
    columns = []
    for layer, weight in after.items():
        found = [WHOLES[name](before[layer], weight) for name in wholes]  # first, for `keep` overwrites before
        columns.append(torch.stack([*found, *_totals(before, layer, weight, start or before, summed, keep=keep)]))
    table = torch.stack(columns, dim=1) if columns else torch.zeros(len(names), 0, dtype=torch.float64)
    parts = dict(zip(wholes + summed, table, strict=True))
    return torch.stack([MEASUREMENTS[name](*(parts[each] for each in parts_of(name))) for name in measurements])


def _totals(before: Weights, layer: str, weight: Tensor, start: Weights, names: list[str], *, keep: bool) -> Tensor:
    old = _laid_out_like(weight, before[layer])
    if keep:
        before[layer] = old
    totals = torch.zeros(len(names), dtype=torch.float64, device=weight.device)
    for block in blocks(old, weight, _laid_out_like(weight, start[layer])):
        if names:
            totals += torch.stack([SUMS[name](block) for name in names])
        if keep:
            block.keep()
    return totals


def _laid_out_like(weight: Tensor, other: Tensor) -> Tensor:
    """Return a tensor, or a copy with the strides of the weight."""
    return other if other.stride() == weight.stride() else torch.empty_like(weight).copy_(other)
