"""The remaining distance of every snapshot that a seed's run keeps."""

from pipeline.measure.layers import Weights
from pipeline.measure.remaining import remaining_distance
from pipeline.tracking.checkpoints import read_snapshots


def remaining_by_epoch(artifacts: str, start: Weights, end: Weights, *, last: int) -> dict[int, dict[str, float]]:
    """Return {epoch: {layer: remaining distance}}, one snapshot after another in memory."""
    return {
        epoch: remaining_distance(_layers(state), start, end)
        for epoch, _file, state in read_snapshots(artifacts, last=last, say=print)
    }


def _layers(state: Weights) -> Weights:
    return {name.removesuffix(".weight"): tensor for name, tensor in state.items()}
