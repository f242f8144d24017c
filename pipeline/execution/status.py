"""How far the seeds of a study are, by what the store holds, and how long the rest takes."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from statistics import median
from typing import NamedTuple

from pipeline.config.settings import Config
from pipeline.tracking.outbox import FOLDER
from pipeline.tracking.queries import StoredSeed, runs_of_settings, seconds_of_alike
from pipeline.tracking.resume import choose

STATES = ("done", "running", "waiting", "failed")


class Capacity(NamedTuple):
    """How many seeds are trained at once: those of one study, or, where studies run `together`, those of all."""

    seeds: int
    studies_together: bool


class Status(NamedTuple):
    """How many seeds of a study are in which state; `begun` of those that wait go on from a checkpoint.

    `epochs_left` are those of each seed that is not over; `seconds` are those of an epoch, where any is on record.
    """

    name: str
    states: Counter[str]
    begun: int
    epochs_left: Sequence[int]
    seconds: float | None

    @property
    def seconds_left(self) -> list[float]:
        """How long each seed still takes that is not over."""
        return [epochs * (self.seconds or 0) for epochs in self.epochs_left]


def status_of(config: Config, study_hash: str, since: datetime | None = None) -> Status:
    """Return how far a study is. Where it has begun, at `since`, a seed that has failed since then stays so.

    Of a fresh study nothing counts that is older.
    """
    runs = runs_of_settings(study_hash)
    if config.fresh:
        runs = [run for run in runs if since and run.started >= since]
    states, begun, epochs_left = Counter[str](), 0, []
    for seed in config.seeds:
        its = [run for run in runs if run.number == seed]
        start = choose(seed, config.epochs, its, outboxes=Path(config.data_dir) / FOLDER)
        done = start.epoch
        state = _state(its, busy=start.busy, done=start.done, since=since)
        states[state] += 1
        begun += state == "waiting" and done > 0
        epochs_left += [] if state in ("done", "failed") else [config.epochs - done]
    return Status(config.study_name, states, begun, epochs_left, _seconds(config, runs))


def _state(runs: Sequence[StoredSeed], *, busy: bool, done: bool, since: datetime | None) -> str:
    if done:
        return "done"
    if busy:
        return "running"
    failed = runs and runs[-1].status == "FAILED" and since and runs[-1].ended and runs[-1].ended >= since
    return "failed" if failed else "waiting"


def _seconds(config: Config, runs: Sequence[StoredSeed]) -> float | None:
    own = [run.seconds for run in runs if run.seconds is not None]
    seconds = own or seconds_of_alike(config.model_name, config.dataset, config.device)
    return median(seconds) if seconds else None


def time_left(statuses: Sequence[Status], capacity: Capacity) -> str:
    """Return about how long the epochs of studies still take; `unknown` where it is of one.

    No seed is done sooner than alone, and all together no sooner than if there were always one for each place.
    """
    if any(status.epochs_left and status.seconds is None for status in statuses):
        return "unknown"
    by_study = [status.seconds_left for status in statuses]
    waves = [list(chain(*by_study))] if capacity.studies_together else by_study
    total = sum(max(max(seconds), sum(seconds) / capacity.seeds) for seconds in waves if seconds)
    return f"about {timedelta(seconds=round(total))}"
