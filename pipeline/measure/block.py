"""Blocks: parts of a layer's weights that fit into the processor's cache while they are measured."""

from collections.abc import Iterator
from functools import cache, cached_property, reduce

import torch
from torch import Tensor

# 1 MB of float32: larger blocks fall out of the cache; for smaller ones the calls cost more than the arithmetic
CPU_ELEMENTS = 1 << 18
# on other devices calls cost more than memory traffic; up to this size float32 counts elements exactly
DEVICE_ELEMENTS = 1 << 24
# up to this size float64 costs nothing, and float32 sums have too few terms for rounding errors to cancel
EXACT_ELEMENTS = 1 << 12


class Block:
    """The same elements of a layer before an epoch, after it, and initially, 1-D. Shared terms are computed once.

    Small blocks are converted to float64, others to `dtype` where it is given.
    """

    def __init__(self, before: Tensor, after: Tensor, initial: Tensor, dtype: torch.dtype | None = None) -> None:
        if len(after) <= EXACT_ELEMENTS:
            before, after, initial = before.double(), after.double(), initial.double()
        elif dtype:
            before, after, initial = before.to(dtype), after.to(dtype), initial.to(dtype)
        self.before, self.after, self.initial = before, after, initial

    @cached_property
    def size(self) -> Tensor:
        """|before|, elementwise."""
        return self.before.abs()

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


@cache
def precise_dtype(*dtypes: torch.dtype) -> torch.dtype | None:
    """Return the dtype to sum values of these dtypes in: float32 or wider; None if all have it already."""
    precise = reduce(torch.promote_types, dtypes, torch.float32)
    return None if {precise} == {*dtypes} else precise
