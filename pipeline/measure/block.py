"""Blocks: parts of a layer's weights that fit into the processor's cache while they are measured."""

import math
from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import threshold

# 1 MB of float32: larger blocks fall out of the cache; for smaller ones the calls cost more than the arithmetic
CPU_ELEMENTS = 1 << 18
# on other devices calls cost more than memory traffic; up to this size float32 counts elements exactly
DEVICE_ELEMENTS = 1 << 24
# up to this size float64 costs nothing, and float32 sums have too few terms for rounding errors to cancel
EXACT_ELEMENTS = 1 << 12


class Block:
    """The same elements of a layer, 1-D: `before` an epoch, `after` it, `initial`, and their `last_change`, the epoch
    before. Shared terms are computed once.

    Small blocks are converted to float64, others to float32 unless they are wider. The last two may be left out for
    sums that do not take them.
    """

    def __init__(self, **parts: Tensor) -> None:
        exact = len(parts["after"]) <= EXACT_ELEMENTS
        converted = [each.double() for each in parts.values()] if exact else precise(*parts.values())
        self._parts = dict(zip(parts, converted, strict=True))

    @property
    def before(self) -> Tensor:
        return self._parts["before"]

    @property
    def after(self) -> Tensor:
        return self._parts["after"]

    @property
    def initial(self) -> Tensor:
        return self._parts["initial"]

    @property
    def last_change(self) -> Tensor:
        return self._parts["last_change"]

    @cached_property
    def size(self) -> Tensor:
        """|before|, elementwise."""
        return self.before.abs()

    @cached_property
    def inverse(self) -> Tensor:
        """1 / |before|, elementwise; 0 where before is zero."""
        return 1 / threshold(self.size, 0, math.inf)

    @cached_property
    def difference(self) -> Tensor:
        """after - before."""
        return self.after - self.before

    @cached_property
    def change(self) -> Tensor:
        """|after - before|, elementwise."""
        return self.difference.abs()

    @cached_property
    def drift(self) -> Tensor:
        """after - initial."""
        return self.after - self.initial


def blocks(*weights: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield corresponding views of 1-D tensors of one length and device; a tensor given twice is split once."""
    elements = len(weights[0])
    length = CPU_ELEMENTS if weights[0].device.type == "cpu" else DEVICE_ELEMENTS
    if elements > length:
        parts = {weight: torch.split(weight, length) for weight in set(weights)}
        yield from zip(*(parts[weight] for weight in weights), strict=True)
    elif elements:
        yield weights


def precise(*weights: Tensor) -> list[Tensor]:
    """Return weights in a dtype to subtract and add them in: float32, or float64 if one is; unchanged if all are."""
    dtype = torch.float64 if any(each.dtype == torch.float64 for each in weights) else torch.float32
    return [each.to(dtype) for each in weights]
