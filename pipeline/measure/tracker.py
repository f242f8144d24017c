"""Follows the layers of any model through any training loop: call `epoch_end()` after every epoch."""

from collections.abc import Iterable

from torch import Tensor, nn

from .layers import Weights, measure_layers
from .measurements import MEASUREMENTS


def layer_weights(model: nn.Module) -> Weights:
    """Return the weights of each layer, not copied: parameters of two or more dimensions, without `.weight`."""
    return {
        name.removesuffix(".weight"): parameter.detach()
        for name, parameter in model.named_parameters()
        if parameter.ndim >= 2
    }


def copy_of(weights: Weights) -> Weights:
    """Return what stays as it is while the network goes on learning."""
    return {layer: weight.clone() for layer, weight in weights.items()}


class LayerTracker:
    """Holds the weights of a network as they were at the last call, and the initial ones: a copy each.

    Weights may have any layout in memory (channels-last, transposed, expanded). A network may be moved, or take another
    dtype, at any time; it is cheapest to make the tracker after `model.to(device)`. Of one that is wrapped
    (torch.compile, DistributedDataParallel), give it the network inside, whose layers have their names. Where training
    resumes from a checkpoint, make it after loading; `start` holds the weights before the first epoch then. ValueError
    for a measurement that there is not.
    """

    def __init__(
        self, model: nn.Module, measurements: Iterable[str] = MEASUREMENTS, *, start: Weights | None = None
    ) -> None:
        self.model = model
        self.measurements = tuple(measurements)
        if unknown := sorted(set(self.measurements) - set(MEASUREMENTS)):
            raise ValueError(f"there is no measurement {', '.join(unknown)}; there are {', '.join(MEASUREMENTS)}")
        self.weights = layer_weights(model)
        self.before = copy_of(self.weights)
        self.start = copy_of(self.weights) if start is None else start

    def epoch_end(self) -> dict[str, dict[str, float]]:
        """Return {measurement: {layer: value}} of the change since the last call."""
        rows: list[list[float]] = self._advance().tolist()
        return {name: self._by_layer(row) for name, row in zip(self.measurements, rows, strict=True)}

    def _advance(self) -> Tensor:
        self.weights = layer_weights(self.model)  # a network that was moved meanwhile has them elsewhere
        return measure_layers(self.before, self.weights, self.measurements, start=self.start, keep=True)

    def _by_layer(self, row: list[float]) -> dict[str, float]:
        return dict(zip(self.weights, row, strict=True))
