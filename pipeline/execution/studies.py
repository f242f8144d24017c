"""A study, run: every seed trained by an executor, then aggregated, in a run of its own."""

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from data.prepared import Prepared
from pipeline.config.settings import Config
from pipeline.console.errors import Failure
from pipeline.execution.executor import Executor
from pipeline.execution.queue import Queue
from pipeline.execution.status import Status, status_of
from pipeline.tracking.retry import StoreError, patiently
from pipeline.tracking.study_log import aggregate_seeds, open_study

DRAWING = threading.Lock()  # on Ray studies end side by side, and matplotlib draws for one at a time


@dataclass(frozen=True)
class Study:
    """A configuration and the data it names, ready to be run; `label` tells it from the others of a sweep."""

    config: Config
    prepared: Prepared
    label: str

    @property
    def hash(self) -> str:
        return self.config.study_hash(self.prepared.manifest.digest)

    def status(self, since: datetime | None = None) -> Status:
        """Return how far its seeds are, by what the store holds."""
        return status_of(self.config, self.hash, since)._replace(name=self.label)

    def run(self, executor: Executor, sweep: str | None = None) -> None:
        """Train every seed and aggregate, in a run of its own, below that of a sweep if any."""
        with ExitStack() as stack:
            with DRAWING:
                run = stack.enter_context(open_study(self.config, self.prepared, sweep))
            queue = Queue(self.config, self.hash, run)
            executor.train(self.config, self.prepared, queue)
            with DRAWING:
                try:
                    patiently(partial(self._aggregate, queue), self.config.server_wait)
                except StoreError as error:  # the seeds are trained, so it is no bad input
                    raise Failure(str(error)) from error

    def _aggregate(self, queue: Queue) -> None:
        aggregate_seeds(queue.study, register=self.config.register)
