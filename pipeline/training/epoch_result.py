"""What the trainer yields after each epoch."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class EpochResult:
    """Mean losses and accuracies (percent) by part of the data: train, test and, where held out, val; layers measured.

    `layers` holds {measurement: {layer: value}}; `steps` holds {step: {layer: RWC}} where RWC was measured within the
    epoch, steps counted from the first of all. `seconds` is the whole epoch, from handing over the result before:
    loading, training, evaluation, measuring, and what the caller did with that result.
    """

    epoch: int
    losses: Mapping[str, float]
    accuracies: Mapping[str, float]
    layers: Mapping[str, Mapping[str, float]]
    steps: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    seconds: float

    @property
    def deciding_accuracy(self) -> float:
        """The accuracy that decides on the best epoch and on stopping: val where images are held out, else test."""
        return self.accuracies.get("val", self.accuracies["test"])

    @property
    def scalars(self) -> dict[str, float]:
        """The numbers of the epoch that are not those of a layer, by metric."""
        scalars = {f"{part}_loss": loss for part, loss in self.losses.items()}
        scalars |= {f"{part}_acc": accuracy for part, accuracy in self.accuracies.items()}
        return dict(sorted((scalars | {"epoch_seconds": self.seconds}).items()))
