"""A part of a layer's weights, small enough to stay in the processor's cache while it is measured."""

from collections.abc import Iterator
from functools import cache, cached_property, reduce

import torch
from torch import Tensor

# 1 MB of float32; larger ones fall out of the cache, for smaller ones the calls cost more than the arithmetic
CPU_ELEMENTS = 1 << 18
# on other devices a call costs more than memory; up to here float32 counts single elements exactly
DEVICE_ELEMENTS = 1 << 24
# up to here float64 costs nothing, and its sums have too few terms for rounding errors to cancel
EXACT_ELEMENTS = 1 << 12


class Block:
    """The same elements before an epoch, after it and at the start, 1-D. What several sums need is computed once.

    They are measured in `dtype`, or as they are; in float64 where there are few.
    """

    def __init__(self, before: Tensor, after: Tensor, start: Tensor, dtype: torch.dtype | None = None) -> None:
        if len(after) <= EXACT_ELEMENTS:
            before, after, start = before.double(), after.double(), start.double()
        elif dtype:
            before, after, start = before.to(dtype), after.to(dtype), start.to(dtype)
        self.before, self.after, self.start = before, after, start

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
        """after - start."""
        return self.after - self.start


def blocks(*weights: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Cut 1-D tensors of one length and device alike, one that is given twice only once; the parts are views."""
    elements = len(weights[0])
    length = CPU_ELEMENTS if weights[0].device.type == "cpu" else DEVICE_ELEMENTS
    if elements > length:
        parts = {weight: torch.split(weight, length) for weight in set(weights)}
        yield from zip(*(parts[weight] for weight in weights), strict=True)
    elif elements:
        yield weights


@cache
def precise_dtype(*dtypes: torch.dtype) -> torch.dtype | None:
    """Return a dtype that holds numbers of all these, and sums of them, or none where each does: float16 overflows."""
    precise = reduce(torch.promote_types, dtypes, torch.float32)
    return None if {precise} == {*dtypes} else precise
