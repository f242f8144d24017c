"""Reading and copying weights in the order of their memory, whatever the layout."""

import torch
from torch import Tensor

Order = tuple[int, ...]


def memory_order(weight: Tensor) -> Order:
    """Return the dimensions from the longest stride to the shortest.

    Dimensions of one element come last: their stride has no meaning. Permuted to this order, dense memory of any layout
    (contiguous, channels-last, transposed) is contiguous.
    """
    shape, strides = weight.shape, weight.stride()
    stride_of = [stride if size > 1 else 0 for size, stride in zip(shape, strides, strict=True)]
    return tuple(sorted(range(len(shape)), key=stride_of.__getitem__, reverse=True))


def to_read(weight: Tensor, order: Order) -> Tensor:
    """Return the elements, 1-D, with the dimensions in `order`: a view if the memory allows it, else a copy."""
    return weight.permute(*order).reshape(-1)


def to_write(kept: Tensor, order: Order) -> Tensor:
    """Return a 1-D view of the elements with the dimensions in `order`; RuntimeError if the memory allows none."""
    return kept.permute(*order).view(-1)


def rearranged(tensor: Tensor, order: Order) -> Tensor:
    """Return a tensor whose memory is dense with the dimensions in `order`: itself, or a copy."""
    ordered = tensor.permute(*order)
    if ordered.is_contiguous():
        return tensor
    return ordered.contiguous().permute(*(order.index(dim) for dim in range(tensor.ndim)))


def buffer_for(
    weight: Tensor, kept: Tensor | None, order: Order | None = None, device: torch.device | None = None
) -> Tensor:
    """Return memory on `device` (the weight's) to copy a weight to: `kept` if it matches, else new, uninitialised.

    It matches in order, shape, dtype and device. New memory is dense even if the weight is not (sliced, expanded), so
    that no two elements share a place.
    """
    order, device = order or memory_order(weight), device or weight.device
    alike = kept is not None and (kept.shape, kept.dtype, kept.device) == (weight.shape, weight.dtype, device)
    if kept is not None and alike and kept.permute(*order).is_contiguous():
        return kept
    empty = torch.empty([weight.shape[dim] for dim in order], dtype=weight.dtype, device=device)
    return empty.permute(*(order.index(dim) for dim in range(weight.ndim)))
