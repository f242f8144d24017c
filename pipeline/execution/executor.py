"""Where the seeds of studies are trained: on this machine, or on a Ray cluster."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from data.prepared import Prepared
from pipeline.config.schema import Settings
from pipeline.config.settings import Config
from pipeline.console.errors import BadInput
from pipeline.execution.local import Local
from pipeline.execution.queue import Queue
from pipeline.execution.status import Capacity


class Executor(Protocol):
    """Resolves settings for the machines that it trains on, runs studies, and trains the seeds of each."""

    @property
    def capacity(self) -> Capacity:
        """How many seeds it trains at once."""

    def resolve(self, settings: Settings) -> Config:
        """Return settings resolved for the machines that train."""

    def epoch_seconds(self, config: Config, prepared: Prepared) -> float:
        """Return about how many seconds an epoch takes where the seeds are trained."""

    def run(self, studies: Sequence[Callable[[], None]], watch: Callable[[], None]) -> list[BaseException | None]:
        """Run studies, each of which ends on its own, and return what ended each one that failed.

        `watch` is called again and again to show their progress.
        """

    def train(self, config: Config, prepared: Prepared, queue: Queue) -> None:
        """Train every queued seed. A failing seed is reported and does not stop the others."""


@contextmanager
def executor_of(studies: Sequence[Settings]) -> Iterator[Executor]:
    """Give the executor that the settings of all studies name; raise BadInput."""
    (first, *_others) = studies  # all have the same executor
    if first.executor != "ray":
        yield Local(first)
        return
    try:
        from pipeline.execution.ray.cluster import Cluster  # Ray is optional
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise BadInput(
            f"executor must be local here: {sys.executable} lacks Ray: pip install -r requirements-ray.txt; got 'ray'"
        ) from None
    with Cluster.connected(studies) as cluster:
        yield cluster
