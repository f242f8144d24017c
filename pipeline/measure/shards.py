"""Weights that are split over processes (DTensor, of FSDP2 and of tensor parallelism): each process holds a part.

Sums over a layer are sums over its parts, so that no process needs to hold the whole. All processes measure together.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch import distributed as dist

Group = Any  # a ProcessGroup, which builds of torch without torch.distributed lack


class Split(NamedTuple):
    """The groups of processes over which a weight is split: by outputs (its first dimension), and by the rest."""

    by_outputs: tuple[Group, ...] = ()
    by_rest: tuple[Group, ...] = ()

    @property
    def groups(self) -> tuple[Group, ...]:
        return self.by_outputs + self.by_rest


def is_sharded(weight: Tensor) -> bool:
    return hasattr(weight, "to_local")


def local_part(weight: Tensor) -> Tensor:
    """Return this process's part of a weight: all of it unless it is a DTensor."""
    part: Tensor = weight.to_local() if is_sharded(weight) else weight  # type: ignore[attr-defined]
    return part


def local_part_like(tensor: Tensor, weight: Tensor) -> Tensor:
    """Return this process's part of a tensor that is whole, or split like a weight."""
    if is_sharded(weight) and not is_sharded(tensor):
        from torch.distributed.tensor import distribute_tensor

        mesh, placements = weight.device_mesh, weight.placements  # type: ignore[attr-defined]
        return distribute_tensor(tensor.to(mesh.device_type), mesh, placements).to_local()
    return local_part(tensor)


def split_of(weight: Tensor) -> Split:
    """Return over which groups a weight is split."""
    by_outputs: list[Group] = []
    by_rest: list[Group] = []
    if is_sharded(weight):
        for dimension, placement in enumerate(weight.placements):  # type: ignore[attr-defined]
            if not placement.is_replicate():
                group = weight.device_mesh.get_group(dimension)  # type: ignore[attr-defined]
                (by_rest if placement.dim else by_outputs).append(group)
    return Split(tuple(by_outputs), tuple(by_rest))


def add_up(sums: Tensor, splits: Sequence[Split]) -> None:
    """Replace sums over parts by sums over whole weights, in place; a column a weight."""
    columns: dict[Group, list[int]] = {}
    for column, split in enumerate(splits):
        for group in split.groups:
            columns.setdefault(group, []).append(column)
    for group, its in columns.items():
        part = sums[:, its]
        dist.all_reduce(part, group=group)
        sums[:, its] = part


def largest(value: Tensor, split: Split) -> Tensor:
    """Return the largest value of all processes."""
    for group in split.groups:
        dist.all_reduce(value, op=dist.ReduceOp.MAX, group=group)
    return value


def processes_of(split: Split) -> int:
    """Return over how many processes a weight is split."""
    return math.prod(dist.get_world_size(group) for group in split.groups)


def gather(values: Tensor, most: int, split: Split) -> Tensor:
    """Return the values of all processes, 1-D; each has `most` at most, and NaN in place of what it has less."""
    for group in split.groups:
        filled = values.new_full((most,), math.nan)
        filled[: len(values)] = values
        parts = [torch.empty_like(filled) for _ in range(dist.get_world_size(group))]
        dist.all_gather(parts, filled, group=group)
        values, most = torch.cat(parts), most * len(parts)
    return values


def gram_matrix(part: Tensor, split: Split, *, of_outputs: bool) -> Tensor:
    """Return w @ w.T of outputs x rest, or w.T @ w, up to the order of rows: equal on all processes."""
    apart, along = split if of_outputs else reversed(split)
    rows = part if of_outputs else part.T
    gram = _products(rows, apart[0]) if apart else rows @ rows.T
    for group in along:
        dist.all_reduce(gram, group=group)
    return gram


def _products(rows: Tensor, group: Group) -> Tensor:
    """Return the scalar products of all rows; each process sends its rows to the others, which hold one part more."""
    counts = rows.new_zeros(dist.get_world_size(group), dtype=torch.int64)
    own = dist.get_rank(group)
    counts[own] = len(rows)
    dist.all_reduce(counts, group=group)
    ends = counts.cumsum(0).tolist()
    gram = rows.new_zeros(ends[-1], ends[-1])
    for rank, (count, end) in enumerate(zip(counts.tolist(), ends, strict=True)):
        theirs = rows.contiguous() if rank == own else rows.new_empty(count, rows.shape[1])
        dist.broadcast(theirs, dist.get_global_rank(group, rank), group=group)
        gram[ends[own] - len(rows) : ends[own], end - count : end] = rows @ theirs.T
    dist.all_reduce(gram, group=group)
    return gram
