"""Entry point `study`, the project's main: prepare the data, train every seed, aggregate."""

from functools import partial

import click

from pipeline.aggregate import aggregate_seeds, open_study
from pipeline.config import Config
from pipeline.execute.local import train_seeds
from pipeline.execute.queue import Queue
from pipeline.options import takes_config
from pipeline.prepare import bring
from pipeline.tracking.outbox import patiently


@click.command()
@takes_config
def study(config: Config) -> None:
    """Train all seeds and average them: one study."""
    prepared = bring(config)
    with open_study(config, prepared) as run:
        queue = Queue(config, config.study_hash(prepared.manifest.digest), run)
        train_seeds(config, prepared, queue)
        patiently(partial(_aggregate, queue), config.server_wait)


def _aggregate(queue: Queue) -> None:
    aggregate_seeds(queue.study, queue.finished(), register=queue.config.register)
