"""Track the layers of any model in any training loop: call `epoch_end()` after every epoch."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from .block import precise
from .devices import measurable
from .history import History, Measured, history_of
from .layer_selection import Notices, Selection
from .layers import measure_layers, zeros_for_changes
from .measurements import names_of, take_initial, take_last_change
from .shards import local_part, local_part_like
from .weights import Choice, Weights

Kind = tuple[object, ...]


class LayerTracker:
    """Measures the change of a model's weights since the last call; keeps a copy of these, and of the initial ones.

    Initial weights, and the last change in bfloat16, are kept only for measurements that take them. Copies lie beside
    the weights, or on the device `keep_on` (`"cpu"`). By default all measurements are taken but those of layers as a
    whole (`rwc_median`, and `spectral_norm`, `spectral_change`, `stable_rank`, which need eigenvalues): name these, or
    pass `MEASUREMENTS`. `layers` is as for `layer_weights`.

    Weights may have any memory layout (channels-last, transposed, expanded), any dtype of floating-point numbers, and
    be split over processes (FSDP2, tensor parallelism), all of which then call `epoch_end()`. The model may be wrapped,
    moved, changed: a layer that appears, or returns with another shape, is NaN at first and measured from the next call
    on; one that goes is no longer reported. What cannot be measured is left out or NaN, with one warning.

    When training resumes from a checkpoint, create the tracker after loading it, pass the weights before the first
    epoch as `initial`, and update `last_changes` by that of the tracker before: else the first `epoch_cosine` is NaN.
    ValueError for an unknown measurement or layer, or `initial` weights that do not fit.
    """

    def __init__(
        self,
        model: nn.Module,
        measurements: Iterable[str] | None = None,
        *,
        initial: Weights | None = None,
        layers: Choice = None,
        keep_on: torch.device | str | None = None,
    ) -> None:
        self.model = model
        self.measurements = names_of(measurements)
        self._notices = Notices()
        self._selection = Selection(model, layers, self._notices)
        self._keep_on = None if keep_on is None else torch.empty(0, device=keep_on).device
        self._starts = take_initial(self.measurements)
        self._turns = take_last_change(self.measurements)
        self._measured: list[Measured] = []
        self._kinds: dict[str, Kind] = {}
        self.weights = self._selection.now()
        self.before, self.initial, self.last_changes = Weights(), Weights(), Weights()
        self._begin(self.weights)
        if initial is not None and self._starts:
            self.initial = {layer: _fitting(initial, layer, weight) for layer, weight in self.weights.items()}

    @property
    def history(self) -> History:
        """All that `epoch_end` returned: a DataFrame with the columns of `Row` where pandas is installed, else rows."""
        return history_of(self._measured)

    def epoch_end(self) -> dict[str, dict[str, float]]:
        """Return {measurement: {layer: value}} of the change since the last call; NaN where there is none."""
        values, layers = self._advance()
        rows: list[list[float]] = values.tolist()
        self._say_not_finite(layers, rows)
        by_name = zip(self.measurements, rows, strict=True)
        self._measured.append({name: dict(zip(layers, row, strict=True)) for name, row in by_name})
        return {name: values.copy() for name, values in self._measured[-1].items()}

    def _advance(self) -> tuple[Tensor, tuple[str, ...]]:
        """Return the values, measurements x layers, and the names of the layers."""
        self.weights = self._selection.now()  # a model that was moved has new tensors
        new = self._compare()
        self._begin(new)
        values = measure_layers(
            self.before,
            self.weights,
            self.measurements,
            initial=self.initial if self._starts else None,
            last_changes=self.last_changes if self._turns else None,
            keep=True,
            keep_on=self._keep_on,
            failed=self._notices.say_failed,
        )
        layers = tuple(self.weights)
        if new:
            values[:, [layers.index(layer) for layer in new]] = math.nan
        return values, layers

    def _compare(self) -> Weights:
        """Forget the layers that are gone, return those that are new or of another shape, and say so."""
        gone = [layer for layer in self._kinds if layer not in self.weights]
        for kept in (self._kinds, self.before, self.initial, self.last_changes):
            for layer in gone:
                kept.pop(layer, None)
        new = {
            layer: weight
            for layer, weight in self.weights.items()
            if layer not in self.before or self._kinds[layer] != _kind(weight)
        }
        if gone:
            self._notices.say(f"no longer measured: {', '.join(gone)}")
        if new:
            self._notices.say(f"new, or of another shape, so measured from the next call on: {', '.join(new)}")
        return new

    @torch.inference_mode(False)
    @torch.no_grad()
    def _begin(self, weights: Weights) -> None:
        for layer, weight in weights.items():
            self._kinds[layer] = _kind(weight)
            self.before[layer] = _copy(weight, self._keep_on)
            if self._starts:
                self.initial[layer] = _copy(weight, self._keep_on)
            if self._turns:
                self.last_changes |= zeros_for_changes({layer: self.before[layer]})

    def _say_not_finite(self, layers: Iterable[str], rows: list[list[float]]) -> None:
        without = [layer for layer, *values in zip(layers, *rows, strict=True) if any(map(math.isnan, values))]
        lost = [layer for layer in without if layer in self.weights and not _is_finite(self.weights[layer])]
        if lost:
            self._notices.say(f"weights are NaN or infinite: {', '.join(lost)}", "not finite")


def _kind(weight: Tensor) -> Kind:
    """Return what must be equal for a change to be one: the shape, and how it is split, equal on all processes."""
    return (weight.shape, *(str(placement) for placement in getattr(weight, "placements", ())))


def _is_finite(weight: Tensor) -> bool:
    (part,) = precise(local_part(weight))
    return bool(part.isfinite().all())


def _copy(weight: Tensor, device: torch.device | None) -> Tensor:
    part = measurable(weight)
    return part.to(device or part.device, copy=True)


def _fitting(initial: Weights, layer: str, weight: Tensor) -> Tensor:
    if layer not in initial:
        raise ValueError(f"`initial` has no weights of {layer}: pass those of all layers before the first epoch")
    if initial[layer].shape != weight.shape:
        raise ValueError(f"`initial` has weights of another shape for {layer}: pass those of the same network")
    return local_part_like(initial[layer], weight)
