"""The epochs that a seed still has before it: to its last one, or to the one in which it reaches its target."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from data.loader import Loader
from pipeline.config.settings import Config
from pipeline.measure import MEASUREMENTS
from pipeline.tracking.epoch import EpochReport
from pipeline.training.checkpoint import Learner
from pipeline.training.distributed import Devices
from pipeline.training.loop import Batches, fit, unwatched


def epochs_left(
    config: Config,
    state: dict[str, Any] | None,
    loaders: Mapping[str, Loader],
    learner: Learner,
    devices: Devices,
    *,
    measurements: Iterable[str] = MEASUREMENTS,
    watch: Callable[[int, Loader], Batches] = unwatched,
) -> Iterator[EpochReport]:
    """Train from a checkpoint's state on, or from the start, and yield after every epoch, the best so far updated."""
    after = 0
    if state:
        learner.restore(state, batches=len(loaders["train"]))
        after = state["epoch"]
    reports = fit(
        learner.model,
        loaders,
        learner.optimizer,
        epochs=after if learner.best.reaches(config.target_val_acc) else config.epochs,
        precision=config.precision,
        after=after,
        start=learner.start,
        steps=learner.steps,
        samples=learner.samples,
        devices=devices,
        measurements=measurements,
        watch=watch,
    )
    for report in reports:
        learner.best.update(report, learner.model)
        yield report
        if learner.best.reaches(config.target_val_acc):
            return
