"""How far the seeds of a study are, by what the store holds, and how long the rest takes."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import NamedTuple

from pipeline.config import Config
from pipeline.tracking.starts import choose
from pipeline.tracking.stored import StoredSeed, runs_of_settings, seconds_of_alike

STATES = ("done", "running", "waiting", "failed")


class Standing(NamedTuple):
    """How many seeds of a study are in which state; `begun` of those that wait go on from a checkpoint.

    `seconds` are those of an epoch, where any is on record.
    """

    name: str
    states: Counter[str]
    begun: int
    epochs_left: int
    seconds: float | None

    def left(self, places: int) -> str:
        """Return how long its seeds still take, at most, if so many are trained at once, or `unknown`."""
        return time_left([self], places)


def standing(config: Config, study_hash: str, since: datetime | None = None) -> Standing:
    """Return how far a study is. Where it has begun, at `since`, a seed that has failed since then stays so.

    Of a fresh study nothing counts that is older.
    """
    runs = runs_of_settings(study_hash)
    if config.fresh:
        runs = [run for run in runs if since and run.started >= since]
    states, begun, epochs = Counter[str](), 0, 0
    for seed in config.seeds:
        its = [run for run in runs if run.number == seed]
        start = choose(seed, config.epochs, its, in_place=True)
        done = start.source.newest(config.epochs) if start.source else 0
        state = _state(its, busy=start.busy, done=start.done, since=since)
        states[state] += 1
        begun += state == "waiting" and done > 0
        epochs += 0 if state in ("done", "failed") else config.epochs - done
    return Standing(config.study_name, states, begun, epochs, _seconds(config, runs))


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


def time_left(standings: Sequence[Standing], places: int) -> str:
    """Return about how long studies still take if so many seeds are trained at once; `unknown` where that of one is."""
    left = [(standing.epochs_left, standing.seconds) for standing in standings if standing.epochs_left]
    if any(seconds is None for _epochs, seconds in left):
        return "unknown"
    total = sum(epochs * (seconds or 0) for epochs, seconds in left) / places
    return f"about {timedelta(seconds=round(total))}"
