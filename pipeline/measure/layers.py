"""All measurements of all layers in one pass over the weights, without a copy on the host."""

import math
from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Tensor

from .block import Block, blocks, precise
from .devices import measurable, measured_on, without_autocast
from .measurements import MEASUREMENTS, SINCE_START, SUMS, TO_LAST, WHOLES, Layer, parts_of
from .memory import buffer_for, memory_order, rearranged, to_read, to_write
from .shards import add_up, split_of
from .weights import Weights

Failed = Callable[[str, Exception], None]


@torch.inference_mode(False)  # copies that are made in it cannot be written outside
@torch.no_grad()
def measure_layers(
    before: Weights,
    after: Weights,
    measurements: Iterable[str] = MEASUREMENTS,
    *,
    initial: Weights | None = None,
    last_changes: Weights | None = None,
    keep: bool = False,
    keep_on: torch.device | None = None,
    failed: Failed | None = None,
) -> Tensor:
    """Return a tensor, measurements x layers of `after`, float64, on the device of the weights; it is not waited for.

    Values that are not finite are NaN. Without `initial`, the weights in `before` count as the initial ones. With
    `keep`, `before` holds a copy of `after` on return, written in the same pass while the weights are in the cache, on
    the device `keep_on` or beside the weights; `last_changes`, zeros in the first epoch, then hold those of this one.
    Without them, what takes them is NaN. Of weights that are split over processes, `before` and `initial` hold
    this process's parts; all processes measure together. With `failed`, an exception is handed to it with the name of
    its layer, and its values are NaN; a layer that could not be copied is then missing in `before`.
    """
    names = list(dict.fromkeys(name for measurement in measurements for name in parts_of(measurement)))
    summed, wholes = ([name for name in names if name in registry] for registry in (SUMS, WHOLES))
    start = None if SINCE_START.isdisjoint(summed) else before if initial is None else initial
    lasts = None if TO_LAST.isdisjoint(summed) else last_changes or zeros_for_changes(before)
    columns = []
    for layer, weight in after.items():
        found = _attempt(wholes, layer, weight, failed, partial(_wholes, before, layer, weight, wholes))
        sums = partial(_sums, before, layer, weight, start, lasts, summed, keep=keep, keep_on=keep_on)
        columns.append(torch.cat([found, _attempt(summed, layer, weight, failed, sums)]))
    where = columns[0].device if columns else None
    table = torch.stack([column.to(where) for column in columns], dim=1) if columns else torch.zeros(len(names), 0)
    add_up(table[len(wholes) :], [split_of(weight) for weight in after.values()])
    parts = dict(zip(wholes + summed, table.double(), strict=True))
    values = [MEASUREMENTS[name].compute(*(parts[each] for each in parts_of(name))) for name in measurements]
    return torch.stack([torch.where(value.isfinite(), value, math.nan) for value in values])


def _attempt(
    names: list[str], layer: str, weight: Tensor, failed: Failed | None, compute: Callable[[], Tensor]
) -> Tensor:
    """Return what is computed, or NaN for each name after an exception that `failed` takes."""
    try:
        return compute()
    except Exception as error:
        if failed is None:
            raise
        failed(layer, error)
        return torch.full((len(names),), math.nan, dtype=torch.float64, device=measured_on(weight.device))


def _wholes(before: Weights, layer: str, weight: Tensor, names: list[str]) -> Tensor:
    """Return the parts of a layer that are functions of the whole."""
    now = measurable(weight)
    if not names:
        return torch.zeros(0, dtype=torch.float64, device=now.device)
    with without_autocast(now.device.type):
        earlier, later = precise(measurable(before[layer]).to(now.device), now)
        whole = Layer(earlier, later, weight.shape, split_of(weight))
        return torch.stack([WHOLES[name](whole) for name in names])


def _sums(
    before: Weights,
    layer: str,
    weight: Tensor,
    start: Weights | None,
    lasts: Weights | None,
    names: list[str],
    *,
    keep: bool,
    keep_on: torch.device | None,
) -> Tensor:
    """Return the sums of a layer; with `keep`, its copy in `before` is missing if there is an exception."""
    now = measurable(weight)
    old, first = before[layer], start[layer] if start else None
    was = measurable(old).to(now.device)
    begun = was if first is old else None if first is None else measurable(first).to(now.device)
    last = rearranged(lasts[layer].to(now.device), memory_order(now)) if lasts else None
    if not keep:
        return _totals(was, now, begun, last, None, names)
    kept = buffer_for(now, before.pop(layer), device=keep_on)
    beside = kept.device == now.device
    totals = _totals(was, now, begun, last, kept if beside else None, names, replace_last=True)
    if not beside:
        kept.copy_(now)
    if lasts and last is not None:
        lasts[layer] = last.to(kept.device)
    before[layer] = kept
    return totals


def _totals(
    old: Tensor,
    weight: Tensor,
    first: Tensor | None,
    last: Tensor | None,
    kept: Tensor | None,
    names: list[str],
    *,
    replace_last: bool = False,
) -> Tensor:
    """Return the sums of a layer, and copy its weight to `kept`, which may be `old` itself.

    With `replace_last`, its change is written to `last`.
    """
    order = memory_order(weight)
    written = None if kept is None else to_write(kept, order)
    before = to_read(old, order) if written is None or kept is not old else written
    parts = {"before": before, "after": to_read(weight, order)}
    if first is not None:
        parts["initial"] = before if first is old else to_read(first, order)
    if last is not None:
        parts["last_change"] = to_write(last, order)
    totals = torch.zeros(len(names), dtype=torch.float64, device=weight.device)
    with without_autocast(weight.device.type):
        for views in blocks(*parts.values(), *([] if written is None else [written])):
            now = dict(zip(parts, views, strict=False))  # the last view may be the one to write
            block = Block(**now)
            if names:
                totals += torch.stack([SUMS[name](block) for name in names])
            if replace_last and last is not None:
                now["last_change"].copy_(block.difference)
            if written is not None:
                views[-1].copy_(now["after"])
    return totals


def zeros_for_changes(weights: Weights) -> Weights:
    """Return what `last_changes` are before the first epoch: bfloat16, half the memory of float32."""
    return {layer: torch.zeros_like(measurable(weight), dtype=torch.bfloat16) for layer, weight in weights.items()}
