"""Follows the layers of any model through any training loop: call `epoch_end()` after every epoch."""

from collections.abc import Iterable

from torch import Tensor, nn

from pipeline.measure.registry import MEASUREMENTS
from pipeline.measure.sweep import Weights, sweep


def layer_weights(model: nn.Module) -> Weights:
    """Return the weights of each layer, not copied: parameters of two or more dimensions, without `.weight`."""
    return {
        name.removesuffix(".weight"): parameter.detach()
        for name, parameter in model.named_parameters()
        if parameter.ndim >= 2
    }


def copy_of(weights: Weights) -> Weights:
    return {layer: weight.clone() for layer, weight in weights.items()}


class LayerTracker:
    """Holds the weights as they were at the last call; `start` holds the initial ones, if not those of now."""

    def __init__(
        self, model: nn.Module, measurements: Iterable[str] = MEASUREMENTS, *, start: Weights | None = None
    ) -> None:
        self.measurements = tuple(measurements)
        self.weights = layer_weights(model)
        self.before = copy_of(self.weights)
        self.start = copy_of(self.weights) if start is None else start

    def epoch_end(self) -> dict[str, dict[str, float]]:
        """Return {measurement: {layer: value}} of the change since the last call."""
        rows: list[list[float]] = self._advance().tolist()
        return {name: self._by_layer(row) for name, row in zip(self.measurements, rows, strict=True)}

    def _advance(self) -> Tensor:
        return sweep(self.before, self.weights, self.measurements, start=self.start, keep=True)

    def _by_layer(self, row: list[float]) -> dict[str, float]:
        return dict(zip(self.weights, row, strict=True))
