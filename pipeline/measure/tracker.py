"""Follows the layers of any model through any training loop: call `epoch_end()` after every epoch."""

from torch import nn

from pipeline.measure.registry import MEASUREMENTS, Weights


def layer_weights(model: nn.Module) -> Weights:
    """Return the weights of each layer, not copied: parameters of two or more dimensions, without `.weight`."""
    return {
        name.removesuffix(".weight"): parameter.detach()
        for name, parameter in model.named_parameters()
        if parameter.ndim >= 2
    }


class LayerTracker:
    """Holds the weights at the end of the last epoch, at first the initial ones."""

    def __init__(self, model: nn.Module) -> None:
        self.weights = layer_weights(model)
        self.before = {layer: weight.clone() for layer, weight in self.weights.items()}

    def epoch_end(self) -> dict[str, dict[str, float]]:
        """Return {measurement: {layer: value}} of the change since the last call."""
        measured = {name: measure(self.before, self.weights) for name, measure in MEASUREMENTS.items()}
        for layer, weight in self.weights.items():
            self.before[layer].copy_(weight)
        return measured
