"""The best weights of a seed so far: those of its highest deciding accuracy."""

from torch import Tensor, nn

from pipeline.tracking.epoch import EpochReport


class Best:
    """The earlier of equals stays; `weights` is a copy of the model's state on the host."""

    def __init__(self) -> None:
        self.epoch = 0
        self.accuracy = float("-inf")
        self.weights: dict[str, Tensor] = {}

    def reaches(self, target: float | None) -> bool:
        """Say whether the target, if any, is reached: training stops at once, so that the best so far tells."""
        return target is not None and self.accuracy >= target

    def update(self, report: EpochReport, model: nn.Module) -> None:
        if report.deciding_accuracy > self.accuracy:
            self.epoch, self.accuracy = report.epoch, report.deciding_accuracy
            self.weights = {name: tensor.to("cpu", copy=True) for name, tensor in model.state_dict().items()}
