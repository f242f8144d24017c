"""A callback of PyTorch Lightning that logs how much each layer changes, through the loggers of the Trainer."""

from collections.abc import Iterable
from typing import Any

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ModuleNotFoundError:
    from pytorch_lightning import Callback, LightningModule, Trainer  # the same, in the older package

from .keys import as_metrics
from .step_log import check_steps
from .tracker import LayerTracker


class LayerwiseCallback(Callback):
    """Logs after every epoch, or after every `every` steps of the optimizer, at the step of Lightning's own metrics.

    `options` are those of `LayerTracker`, such as `layers`. `tracker`, from the start of the training on, has the
    `history`. ValueError if `every` is less than 1, and at the start of the training for what `LayerTracker` refuses.
    """

    tracker: LayerTracker

    def __init__(self, measurements: Iterable[str] = ("rwc",), *, every: int | None = None, **options: Any) -> None:
        check_steps(every)
        self.measurements, self.every, self.options = tuple(measurements), every, options
        self._measured_at = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.tracker = LayerTracker(pl_module, self.measurements, **self.options)
        self._measured_at = trainer.global_step  # not 0 where a training resumes

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if self.every and trainer.global_step - self._measured_at >= self.every:
            self._measured_at = trainer.global_step
            self._log(trainer, trainer.fit_loop.epoch_loop._batches_that_stepped)

    def on_train_epoch_end(self, trainer: Trainer, *_: Any) -> None:
        if not self.every:  # Lightning logs the metrics of an epoch at its last step
            self._log(trainer, trainer.fit_loop.epoch_loop._batches_that_stepped - 1)

    def _log(self, trainer: Trainer, step: int) -> None:
        """Every process measures, as sharded weights need all; the loggers write on rank 0 only.

        Lightning gives its own metrics the number of batches as their step, which has no public name.
        """
        measured = self.tracker.epoch_end()
        metrics = {"epoch": trainer.current_epoch, **as_metrics(measured, measured)}
        for logger in trainer.loggers:
            logger.log_metrics(metrics, step=step)
