"""All measurements of all layers in one sweep over the weights, without a copy on the host."""

from collections.abc import Iterable

import torch
from torch import Tensor

from pipeline.measure.block import blocks
from pipeline.measure.registry import MEASUREMENTS, SUMS, sums_of

Weights = dict[str, Tensor]


@torch.no_grad()
def sweep(before: Weights, after: Weights, measurements: Iterable[str] = MEASUREMENTS, *, keep: bool = False) -> Tensor:
    """Return measurements x layers, float64, on the device of the weights, which does not wait for them.

    Layers are those of `after`. With `keep`, `before` holds a copy of `after` when it returns: written in the same
    sweep, while the weights are in the cache.
    """
    names = list(dict.fromkeys(name for measurement in measurements for name in sums_of(measurement)))
    totals = [_totals(before, layer, weight, names, keep=keep) for layer, weight in after.items()]
    table = torch.stack(totals, dim=1) if totals else torch.zeros(len(names), 0, dtype=torch.float64)
    sums = dict(zip(names, table, strict=True))
    return torch.stack([MEASUREMENTS[name](*(sums[each] for each in sums_of(name))) for name in measurements])


def _totals(before: Weights, layer: str, weight: Tensor, names: list[str], *, keep: bool) -> Tensor:
    old = before[layer]
    if old.stride() != weight.stride():
        old = torch.empty_like(weight).copy_(old)
        if keep:
            before[layer] = old
    totals = torch.zeros(len(names), dtype=torch.float64, device=weight.device)
    for block in blocks(old, weight):
        totals += torch.stack([SUMS[name](block) for name in names])
        if keep:
            block.before.copy_(block.after)
    return totals
