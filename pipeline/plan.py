"""What a sweep would run: its studies, what is finished of them, and about how long the rest takes."""

from collections.abc import Sequence

import click

from pipeline.execute.executor import Executor
from pipeline.standing import Standing, time_left
from pipeline.study import Study
from pipeline.terminal import table

HEAD = ("study", "seeds", "finished", "go on", "to start", "time")


def print_plan(studies: Sequence[Study], executor: Executor) -> None:
    """Print a line a study, and the time for all that is not finished, at most.

    Where no epoch of a model on a data set is on record, a few batches of it are timed.
    """
    standings = [_timed(study, study.standing(), executor) for study in studies]
    rows = [_row(standing, executor.places) for standing in standings]
    click.echo("\n".join(table([HEAD, *rows])))
    at_once = f"{executor.places} seed{'s' * (executor.places > 1)} at a time"
    click.echo(f"time in all: {time_left(standings, executor.places)}, {at_once}, if none stops early")


def _timed(study: Study, standing: Standing, executor: Executor) -> Standing:
    if standing.seconds is not None or not standing.epochs_left:
        return standing
    return standing._replace(seconds=executor.pace(study.config, study.prepared))


def _row(standing: Standing, places: int) -> tuple[str, ...]:
    states = standing.states
    waiting = states.total() - states["done"] - standing.begun
    counts = (states.total(), states["done"], standing.begun, waiting)
    return (standing.name, *map(str, counts), standing.left(places))
