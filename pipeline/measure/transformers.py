"""A callback of the Hugging Face Trainer that logs how much each layer changes, wherever the Trainer reports to."""

from collections.abc import Iterable
from typing import Any

from torch import nn
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState

from .keys import as_metrics
from .step_log import check_steps
from .tracker import LayerTracker


class LayerwiseCallback(TrainerCallback):
    """Logs after every epoch, or after every `every` steps: `trainer.add_callback(LayerwiseCallback(trainer))`.

    `options` are those of `LayerTracker`, such as `layers`. `tracker`, from the start of the training on, has the
    `history`. ValueError if `every` is less than 1, and at the start of the training for what `LayerTracker` refuses.
    """

    tracker: LayerTracker

    def __init__(
        self, trainer: Trainer, measurements: Iterable[str] = ("rwc",), *, every: int | None = None, **options: Any
    ) -> None:
        check_steps(every)
        self.trainer, self.measurements, self.every, self.options = trainer, tuple(measurements), every, options

    def on_train_begin(self, *_: Any, model: nn.Module, **__: Any) -> None:
        self.tracker = LayerTracker(model, self.measurements, **self.options)

    def on_step_end(self, _args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self.every and state.global_step % self.every == 0:
            self._log(control)

    def on_epoch_end(self, _args: Any, _state: Any, control: TrainerControl, **_: Any) -> None:
        if not self.every:
            self._log(control)

    def _log(self, control: TrainerControl) -> None:
        """Every process measures, as sharded weights need all; what the Trainer reports to writes on rank 0 only."""
        measured, should_log = self.tracker.epoch_end(), control.should_log
        self.trainer.log(as_metrics(measured, measured))
        control.should_log = should_log  # `log` clears it: the loss of this step would not be logged
