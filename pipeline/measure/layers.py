"""All measurements of all layers in one pass over the weights, without a copy on the host."""

import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import cache, partial

import torch
from torch import Tensor

from .block import Block, blocks, precise
from .measurements import MEASUREMENTS, SINCE_START, SUMS, WHOLES, Layer, parts_of
from .memory import buffer_for, memory_order, to_read, to_write
from .shards import add_up, local_part, split_of
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
    keep: bool = False,
    keep_on: torch.device | None = None,
    failed: Failed | None = None,
) -> Tensor:
    """Return a tensor, measurements x layers of `after`, float64, on the device of the weights; it is not waited for.

    Values that are not finite are NaN. Without `initial`, the weights in `before` count as the initial ones. With
    `keep`, `before` holds a copy of `after` on return, written in the same pass while the weights are in the cache, on
    the device `keep_on` or beside the weights. Of weights that are split over processes, `before` and `initial` hold
    this process's parts; all processes measure together. With `failed`, an exception is handed to it with the name of
    its layer, and its values are NaN; a layer that could not be copied is then missing in `before`.
    """
    names = list(dict.fromkeys(name for measurement in measurements for name in parts_of(measurement)))
    summed, wholes = ([name for name in names if name in registry] for registry in (SUMS, WHOLES))
    start = None if SINCE_START.isdisjoint(summed) else before if initial is None else initial
    columns = []
    for layer, weight in after.items():
        found = _attempt(wholes, layer, weight, failed, partial(_wholes, before, layer, weight, wholes))
        sums = partial(_sums, before, layer, weight, start, summed, keep=keep, keep_on=keep_on)
        columns.append(torch.cat([found, _attempt(summed, layer, weight, failed, sums)]))
    where = columns[0].device if columns else None
    table = torch.stack([column.to(where) for column in columns], dim=1) if columns else torch.zeros(len(names), 0)
    add_up(table[len(wholes) :], [split_of(weight) for weight in after.values()])
    parts = dict(zip(wholes + summed, table.double(), strict=True))
    values = [MEASUREMENTS[name].compute(*(parts[each] for each in parts_of(name))) for name in measurements]
    return torch.stack([torch.where(value.isfinite(), value, math.nan) for value in values])


def measurable(weight: Tensor) -> Tensor:
    """Return what is measured of a weight: this process's part of it, where it is measured."""
    return local_part(weight).to(measured_on(weight.device))


@cache
def measured_on(device: torch.device) -> torch.device:
    """Return the device, or the host for a device without float64 (Apple's MPS, Intel's Arc)."""
    try:
        torch.zeros(1, dtype=torch.float64, device=device).sum()
    except (TypeError, RuntimeError):
        return torch.device("cpu")
    return device


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
    with _without_autocast(now.device.type):
        earlier, later = precise(measurable(before[layer]).to(now.device), now)
        whole = Layer(earlier, later, weight.shape, split_of(weight))
        return torch.stack([WHOLES[name](whole) for name in names])


def _sums(
    before: Weights,
    layer: str,
    weight: Tensor,
    start: Weights | None,
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
    if not keep:
        return _totals(was, now, begun, None, names)
    kept = buffer_for(now, before.pop(layer), device=keep_on)
    beside = kept.device == now.device
    totals = _totals(was, now, begun, kept if beside else None, names)
    if not beside:
        kept.copy_(now)
    before[layer] = kept
    return totals


def _without_autocast(device: str) -> AbstractContextManager[object]:
    """Return a context in which a training loop's own autocast does not round what is computed."""
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


def _totals(old: Tensor, weight: Tensor, first: Tensor | None, kept: Tensor | None, names: list[str]) -> Tensor:
    """Return the sums of a layer, and copy its weight to `kept`, which may be `old` itself."""
    order = memory_order(weight)
    written = [] if kept is None else [to_write(kept, order)]
    before = written[0] if kept is old else to_read(old, order)
    initial = [] if first is None else [before if first is old else to_read(first, order)]
    totals = torch.zeros(len(names), dtype=torch.float64, device=weight.device)
    with _without_autocast(weight.device.type):
        for was, now, *rest in blocks(before, to_read(weight, order), *initial, *written):
            block = Block(was, now, *rest[: len(initial)])
            if names:
                totals += torch.stack([SUMS[name](block) for name in names])
            for copy in rest[len(initial) :]:
                copy.copy_(now)
    return totals
