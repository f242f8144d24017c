"""Snapshots of a seed: the weights alone, uploaded after the epochs 1, 2, 3, 5, 8, 13, ..."""

import logging
from collections.abc import Callable, Iterator

from torch import nn

from pipeline.measure import remaining_distance
from pipeline.measure.weights import Weights
from pipeline.tracking.artifacts import list_files
from pipeline.tracking.checkpoints import CHECKPOINTS, Damaged, State, load_file, tensor_bytes

log = logging.getLogger(__name__)


def snapshot_of(epoch: int) -> str | None:
    """Return the file of the weights after an epoch that is one of the Fibonacci numbers 1, 2, 3, 5, 8, 13, ..."""
    before, number = 1, 1
    while number < epoch:
        before, number = number, before + number
    return f"weights-{epoch:04}.pt" if number == epoch else None


def describe_snapshots(model: nn.Module, epochs: int) -> str:
    """Return how many snapshots a seed leaves, and their size."""
    count = sum(1 for epoch in range(1, epochs + 1) if snapshot_of(epoch))
    size = tensor_bytes(model.state_dict()) / 1_000_000
    return f"snapshots: {count} a seed, {size:,.1f} MB each, {count * size:,.1f} MB in all"


def read_snapshots(artifacts: str, *, last: int) -> Iterator[tuple[int, str, State]]:
    """Yield epoch, file and content of the snapshots of a run, up to epoch `last`; report damaged ones."""
    kept = list_files(artifacts, CHECKPOINTS)
    for epoch in range(1, last + 1):
        file = snapshot_of(epoch)
        if file in kept:
            try:
                yield epoch, file, load_file(artifacts, file)
            except Damaged as error:
                log.warning("the weights of epoch %s (%s) are damaged and skipped: %s", epoch, file, error)


def remaining_by_epoch(
    artifacts: str, initial: Weights, final: Weights, weights_in: Callable[[State], Weights], *, last: int
) -> dict[int, dict[str, float]]:
    """Return {epoch: {layer: remaining distance}} of a run's snapshots, one after another in memory.

    `weights_in` returns the layers' weights in the state of a network.
    """
    return {
        epoch: remaining_distance(weights_in(state), initial, final)
        for epoch, _file, state in read_snapshots(artifacts, last=last)
    }
