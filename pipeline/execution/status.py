"""The progress of a study's seeds, read from the store; how long the rest takes; a live table of both."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from statistics import median
from typing import NamedTuple

from pipeline.config.folders import outbox_folder
from pipeline.config.settings import Config
from pipeline.console.live_table import LiveTable, Look
from pipeline.tracking.queries import StoredSeed, runs_of_settings, seconds_of_alike
from pipeline.tracking.resume import choose
from pipeline.tracking.retry import StoreError

STATES = ("done", "running", "waiting", "failed")


class Capacity(NamedTuple):
    """How many seeds are trained at once: of one study or, if `studies_together`, of all."""

    seeds: int
    studies_together: bool


class Status(NamedTuple):
    """How many seeds of a study are in each state; `begun` of the waiting ones resume from a checkpoint.

    `epochs_left` has a number for each seed that is neither done nor failed. `seconds` is the duration of an epoch,
    None if none is on record.
    """

    name: str
    states: Counter[str]
    begun: int
    epochs_left: Sequence[int]
    seconds: float | None

    @property
    def seconds_left(self) -> list[float]:
        """How long each unfinished seed still takes."""
        return [epochs * (self.seconds or 0) for epochs in self.epochs_left]


def status_of(config: Config, study_hash: str, since: datetime | None = None) -> Status:
    """Return a study's progress. Seeds that failed after `since` count as failed; older failures count as waiting.

    Of a fresh study only runs that started after `since` count.
    """
    runs = runs_of_settings(study_hash)
    if config.fresh:
        runs = [run for run in runs if since and run.started >= since]
    states, begun, epochs_left = Counter[str](), 0, []
    for seed in config.seeds:
        its = [run for run in runs if run.number == seed]
        start = choose(seed, config.epochs, its, outboxes=outbox_folder(config))
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
    seconds = own or seconds_of_alike(config)
    return median(seconds) if seconds else None


def time_left(statuses: Sequence[Status], capacity: Capacity) -> str:
    """Return about how long the epochs of studies still take; `unknown` if an epoch of one has never been timed.

    The time is that of the longest seed or, if longer, that of all seeds spread evenly over the places.
    """
    if any(status.epochs_left and status.seconds is None for status in statuses):
        return "unknown"
    by_study = [status.seconds_left for status in statuses]
    waves = [list(chain(*by_study))] if capacity.studies_together else by_study
    total = sum(max(max(seconds), sum(seconds) / capacity.seeds) for seconds in waves if seconds)
    return f"about {timedelta(seconds=round(total))}"


def live_table(looks: Sequence[Callable[[datetime], Status]], capacity: Capacity) -> LiveTable:
    """Return a table of studies, which stays on a terminal if they run together.

    Each of `looks` returns the status of a study; it takes the time after which failures count, which is now.
    """
    since = datetime.now(UTC)
    return LiveTable(lambda: _look(looks, since, capacity), stays=capacity.studies_together)


def _look(looks: Sequence[Callable[[datetime], Status]], since: datetime, capacity: Capacity) -> Look | None:
    try:
        statuses = [look(since) for look in looks]
    except StoreError:  # the studies meet it themselves, and report it
        return None
    total = sum((status.states for status in statuses), Counter[str]())
    left = time_left(statuses, capacity)
    rows = [(its.name, its.states, time_left([its], capacity)) for its in statuses]
    rows = (
        [("all", total, left), *rows] if len(statuses) > 1 else rows
    )  # first, because a short terminal cuts the last rows
    cells = [(name, *(str(states[state]) for state in STATES), time) for name, states, time in rows]
    counts = ", ".join(f"{total[state]} {state}" for state in STATES)
    return Look([("study", *STATES, "time left"), *cells], counts, left)
