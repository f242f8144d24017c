"""Track the layers of any model in any training loop: call `epoch_end()` after every epoch."""

from collections.abc import Iterable
from difflib import get_close_matches

from torch import Tensor, nn

from .history import History, Measured, history_of
from .layers import measure_layers
from .measurements import MEASUREMENTS
from .weights import Weights, copy_of, layer_weights


class LayerTracker:
    """Measures the change of a model's weights since the last call; keeps a copy of these and of the initial ones.

    Weights may have any memory layout (channels-last, transposed, expanded). The model may move to another device or
    dtype at any time; creating the tracker after `model.to(device)` saves a copy. For a wrapped model (torch.compile,
    DistributedDataParallel) pass the inner model, whose layers keep their names. When training resumes from a
    checkpoint, create the tracker after loading it, and pass the weights before the first epoch as `initial`.
    `layers` names the layers as `layer_weights` takes them. ValueError for an unknown measurement or layer.
    """

    def __init__(
        self,
        model: nn.Module,
        measurements: Iterable[str] = MEASUREMENTS,
        *,
        initial: Weights | None = None,
        layers: Iterable[str] | None = None,
    ) -> None:
        self.model = model
        self.measurements = tuple(measurements)
        for name in self.measurements:
            _check_known(name)
        self.weights = layer_weights(model, layers)
        self.before = copy_of(self.weights)
        self.initial = copy_of(self.weights) if initial is None else initial
        self._measured: list[Measured] = []

    @property
    def history(self) -> History:
        """All that `epoch_end` returned: a DataFrame with the columns of `Row` where pandas is installed, else rows."""
        return history_of(self._measured)

    def epoch_end(self) -> dict[str, dict[str, float]]:
        """Return {measurement: {layer: value}} of the change since the last call."""
        rows: list[list[float]] = self._advance().tolist()
        self._measured.append({name: self._by_layer(row) for name, row in zip(self.measurements, rows, strict=True)})
        return {name: values.copy() for name, values in self._measured[-1].items()}

    def _advance(self) -> Tensor:
        self.weights = layer_weights(self.model, self.weights)  # a model that was moved has new tensors
        return measure_layers(self.before, self.weights, self.measurements, initial=self.initial, keep=True)

    def _by_layer(self, row: list[float]) -> dict[str, float]:
        return dict(zip(self.weights, row, strict=True))


def _check_known(name: str) -> None:
    if name not in MEASUREMENTS:
        close = get_close_matches(name, MEASUREMENTS, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise ValueError(f"unknown measurement {name!r}{hint}; choose from {', '.join(MEASUREMENTS)}")
