"""What a sweep would run: its studies, what is finished of them, and about how long the rest takes."""

from collections.abc import Sequence

import click

from pipeline.execute.executor import Executor
from pipeline.standing import Room, Standing, time_left
from pipeline.study import Study
from pipeline.terminal import table

HEAD = ("study", "seeds", "finished", "go on", "to start", "time")


def print_plan(studies: Sequence[Study], executor: Executor, *, timed: bool) -> None:
    """Print a line a study, and about how long the epochs take that are not trained yet.

    Where no epoch of a model on a data set is on record, a few batches of it are `timed`, or it is not known.
    """
    standings = [_timed(study, study.standing(), executor) if timed else study.standing() for study in studies]
    rows = [_row(standing, executor.room) for standing in standings]
    click.echo("\n".join(table([HEAD, *rows])))
    at_once = f"{executor.room.seeds} seed{'s' * (executor.room.seeds > 1)} at a time"
    click.echo(f"time in all: {time_left(standings, executor.room)}, {at_once}, if none stops early")


def _timed(study: Study, standing: Standing, executor: Executor) -> Standing:
    if standing.seconds is not None or not standing.epochs_left:
        return standing
    return standing._replace(seconds=executor.pace(study.config, study.prepared))


def _row(standing: Standing, room: Room) -> tuple[str, ...]:
    states = standing.states
    waiting = states.total() - states["done"] - standing.begun
    counts = (states.total(), states["done"], standing.begun, waiting)
    return (standing.name, *map(str, counts), time_left([standing], room))
