"""All measurements of all layers in one pass over the weights, without a copy on the host."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from .block import Block, blocks, precise_dtype
from .measurements import MEASUREMENTS, SUMS, WHOLES, parts_of
from .memory import Order, buffer_for, memory_order, to_read, to_write
from .weights import Weights


@torch.no_grad()
def measure_layers(
    before: Weights,
    after: Weights,
    measurements: Iterable[str] = MEASUREMENTS,
    *,
    initial: Weights | None = None,
    keep: bool = False,
) -> Tensor:
    """Return a tensor, measurements x layers of `after`, float64, on the device of the weights; it is not waited for.

    Without `initial`, the weights in `before` count as the initial ones. With `keep`, `before` holds a copy of `after`
    on return, written in the same pass while the weights are in the cache.
    """
    names = list(dict.fromkeys(name for measurement in measurements for name in parts_of(measurement)))
    summed, wholes = ([name for name in names if name in registry] for registry in (SUMS, WHOLES))
    columns = []
    for layer, weight in after.items():
        old, first = (each[layer].to(weight.device) for each in (before, initial or before))
        order = memory_order(weight)
        kept = buffer_for(weight, old, order) if keep else None
        with _without_autocast(weight.device.type):
            found = [WHOLES[name](old, weight) for name in wholes]  # first: keeping a copy overwrites `old`
            totals = _totals(old, weight, first, kept, order, summed)
        columns.append(torch.cat([torch.stack(found), totals]) if found else totals)
        if kept is not None:
            before[layer] = kept
    table = torch.stack(columns, dim=1) if columns else torch.zeros(len(names), 0, dtype=torch.float64)
    parts = dict(zip(wholes + summed, table, strict=True))
    return torch.stack([MEASUREMENTS[name].compute(*(parts[each] for each in parts_of(name))) for name in measurements])


def _without_autocast(device: str) -> AbstractContextManager[object]:
    """Return a context in which a training loop's own autocast does not round what is computed."""
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


def _totals(old: Tensor, weight: Tensor, first: Tensor, kept: Tensor | None, order: Order, names: list[str]) -> Tensor:
    """Return the sums of a layer, and copy its weight to `kept`, which may be `old` itself."""
    written = [] if kept is None else [to_write(kept, order)]
    before = written[0] if kept is old else to_read(old, order)
    initial = before if first is old else to_read(first, order)
    dtype = precise_dtype(old.dtype, weight.dtype, first.dtype)
    totals = torch.zeros(len(names), dtype=torch.float64, device=weight.device)
    for was, now, begun, *copies in blocks(before, to_read(weight, order), initial, *written):
        block = Block(was, now, begun, dtype)
        if names:
            totals += torch.stack([SUMS[name](block) for name in names])
        for copy in copies:
            copy.copy_(now)
    return totals
