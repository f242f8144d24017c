"""A part of a layer's weights before and after, small enough to stay in the processor's cache while it is measured."""

from collections.abc import Iterator
from functools import cached_property

from torch import Tensor, channels_last

# 1 MB of float32; larger ones fall out of the cache, for smaller ones the calls cost more than the arithmetic
CPU_ELEMENTS = 1 << 18
# on other devices a call costs more than memory; up to here float32 counts single elements exactly
DEVICE_ELEMENTS = 1 << 24


class Block:
    """The same elements before and after, 1-D. What several sums are made of is computed once."""

    def __init__(self, before: Tensor, after: Tensor) -> None:
        self.before, self.after = before, after

    @cached_property
    def size(self) -> Tensor:
        """|before|, elementwise."""
        return self.before.abs()

    @cached_property
    def change(self) -> Tensor:
        """|after - before|, elementwise."""
        return (self.after - self.before).abs_()


def blocks(before: Tensor, after: Tensor) -> Iterator[Block]:
    """Cut two tensors of the same shape and strides into blocks, which are views where the memory is dense."""
    length = CPU_ELEMENTS if after.device.type == "cpu" else DEVICE_ELEMENTS
    old, new = _flat(before), _flat(after)
    for start in range(0, len(new), length):
        yield Block(old[start : start + length], new[start : start + length])


def _flat(weight: Tensor) -> Tensor:
    """Return the elements in the order of the memory, so that nothing is moved."""
    if weight.ndim == 4 and weight.is_contiguous(memory_format=channels_last):
        weight = weight.permute(0, 2, 3, 1)
    return weight.reshape(-1)
