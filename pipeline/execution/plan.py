"""The plan of a sweep: its studies, how many of their seeds are finished, and about how long the rest takes."""

import logging
from collections.abc import Sequence

from pipeline.console.terminal import table
from pipeline.execution.executor import Executor
from pipeline.execution.status import Capacity, Status, time_left
from pipeline.execution.studies import Study

HEAD = ("study", "seeds", "finished", "to resume", "to start", "time")
log = logging.getLogger(__name__)


def print_plan(studies: Sequence[Study], executor: Executor, *, timed: bool) -> None:
    """Print a line a study, with about how long its remaining epochs take.

    If no epoch of a model on a data set is on record, a few batches are timed if `timed`; else the time is unknown.
    """
    statuses = [_timed(study, study.status(), executor) if timed else study.status() for study in studies]
    rows = [_row(status, executor.capacity) for status in statuses]
    log.info("\n".join(table([HEAD, *rows])))
    at_once = f"{executor.capacity.seeds} seed{'s' * (executor.capacity.seeds > 1)} at a time"
    log.info("time in all: %s, %s, if none stops early", time_left(statuses, executor.capacity), at_once)


def _timed(study: Study, status: Status, executor: Executor) -> Status:
    if status.seconds is not None or not status.epochs_left:
        return status
    return status._replace(seconds=executor.epoch_seconds(study.config, study.prepared))


def _row(status: Status, capacity: Capacity) -> tuple[str, ...]:
    states = status.states
    waiting = states.total() - states["done"] - status.begun
    counts = (states.total(), states["done"], status.begun, waiting)
    return (status.name, *map(str, counts), time_left([status], capacity))
