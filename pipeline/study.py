"""Entry point `study`, the project's main: prepare the data, train every seed, aggregate."""

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import click

from data.prepared import Prepared
from pipeline.aggregate import aggregate_seeds, open_study
from pipeline.board import Board
from pipeline.config import Config
from pipeline.execute.executor import Executor, executor_of
from pipeline.execute.queue import Queue
from pipeline.options import takes_settings
from pipeline.prepare import bring
from pipeline.resolve import checked
from pipeline.standing import Standing, standing
from pipeline.tracking.outages import patiently

DRAWING = threading.Lock()  # on Ray studies end side by side, and matplotlib draws for one at a time


@click.command()
@takes_settings
def study(given: dict[str, str]) -> None:
    """Train all seeds and average them: one study."""
    values = checked(given)
    with executor_of([values]) as executor:
        config = executor.resolve(values)
        one = Study(config, bring(config), config.study_name)
        with Board([one.standing], executor.room) as board:
            (failure,) = executor.run([partial(one.run, executor)], board.refresh)
    if failure:
        raise failure


@dataclass(frozen=True)
class Study:
    """A configuration and the data it names, ready to be run; `label` tells it from the others of a sweep."""

    config: Config
    prepared: Prepared
    label: str

    @property
    def hash(self) -> str:
        return self.config.study_hash(self.prepared.manifest.digest)

    def standing(self, since: datetime | None = None) -> Standing:
        """Return how far its seeds are, by what the store holds."""
        return standing(self.config, self.hash, since)._replace(name=self.label)

    def run(self, executor: Executor, sweep: str | None = None) -> None:
        """Train every seed and aggregate, in a run of its own, below that of a sweep if any."""
        with ExitStack() as stack:
            with DRAWING:
                run = stack.enter_context(open_study(self.config, self.prepared, sweep))
            queue = Queue(self.config, self.hash, run)
            executor.train(self.config, self.prepared, queue)
            with DRAWING:
                patiently(partial(self._aggregate, queue), self.config.server_wait)

    def _aggregate(self, queue: Queue) -> None:
        aggregate_seeds(queue.study, register=self.config.register)
