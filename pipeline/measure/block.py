"""A part of a layer's weights, small enough to stay in the processor's cache while it is measured."""

from collections.abc import Iterator
from functools import cached_property

from torch import Tensor, channels_last

# 1 MB of float32; larger ones fall out of the cache, for smaller ones the calls cost more than the arithmetic
CPU_ELEMENTS = 1 << 18
# on other devices a call costs more than memory; up to here float32 counts single elements exactly
DEVICE_ELEMENTS = 1 << 24
# up to here float64 costs nothing, and its sums have too few terms for rounding errors to cancel
EXACT_ELEMENTS = 1 << 12


class Block:
    """The same elements before an epoch, after it and at the start, 1-D. What several sums need is computed once."""

    def __init__(self, *memory: Tensor) -> None:
        self._memory = memory
        exact = len(memory[0]) <= EXACT_ELEMENTS
        self.before, self.after, self.start = (part.double() for part in memory) if exact else memory

    def keep(self) -> None:
        """Write what is after over what was before, in the memory of the weights."""
        before, after, _start = self._memory
        before.copy_(after)

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


def blocks(before: Tensor, after: Tensor, start: Tensor) -> Iterator[Block]:
    """Cut tensors of the same shape and strides into blocks, which are views where the memory is dense."""
    length = CPU_ELEMENTS if after.device.type == "cpu" else DEVICE_ELEMENTS
    flat = [_flat(weight) for weight in (before, after, start)]
    for first in range(0, len(flat[0]), length):
        yield Block(*(weight[first : first + length] for weight in flat))


def _flat(weight: Tensor) -> Tensor:
    """Return the elements in the order of the memory, so that nothing is moved."""
    if weight.ndim == 4 and weight.is_contiguous(memory_format=channels_last):
        weight = weight.permute(0, 2, 3, 1)
    return weight.reshape(-1)
