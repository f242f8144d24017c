"""The order in which a weight's elements lie in memory, whatever its layout, and memory to copy it to in that order."""

import torch
from torch import Tensor

Order = tuple[int, ...]


def memory_order(weight: Tensor) -> Order:
    """Return the dimensions from the longest stride to the shortest.

    Those of one element come last: their stride says nothing. So dense memory of any layout (contiguous, channels-last,
    transposed, permuted) is contiguous with the dimensions in this order.
    """
    shape, strides = weight.shape, weight.stride()
    stride_of = [stride if size > 1 else 0 for size, stride in zip(shape, strides, strict=True)]
    return tuple(sorted(range(len(shape)), key=stride_of.__getitem__, reverse=True))


def to_read(weight: Tensor, order: Order) -> Tensor:
    """Return the elements, 1-D, with the dimensions in an order: a view where the memory allows it, else a copy."""
    return weight.permute(*order).reshape(-1)


def to_write(kept: Tensor, order: Order) -> Tensor:
    """Return the elements, 1-D, with the dimensions in an order, always a view: RuntimeError where there is none."""
    return kept.permute(*order).view(-1)


def buffer_for(weight: Tensor, kept: Tensor, order: Order | None = None) -> Tensor:
    """Return memory to copy a weight to: `kept` if it has the weight's order, dtype and device, else memory not filled.

    It is dense where the weight is not (sliced, expanded), so every element has a place of its own.
    """
    order = order or memory_order(weight)
    alike = kept.dtype == weight.dtype and kept.device == weight.device
    if alike and kept.permute(*order).is_contiguous():
        return kept
    room = torch.empty([weight.shape[dim] for dim in order], dtype=weight.dtype, device=weight.device)
    return room.permute(*(order.index(dim) for dim in range(weight.ndim)))
