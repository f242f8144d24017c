"""Entry point `study`, the project's main: prepare the data, train every seed, aggregate."""

import click

from pipeline.aggregate import aggregate_seeds, open_study
from pipeline.config import Config
from pipeline.execute.local import train_seeds
from pipeline.options import takes_config
from pipeline.prepare import bring
from pipeline.tracking.histories import seeds_of_study


@click.command()
@takes_config
def study(config: Config) -> None:
    """Train all seeds and average them: one study."""
    prepared = bring(config)
    with open_study(config, prepared) as run:
        train_seeds(config, prepared, run.id)
        aggregate_seeds(run, config.study_name, seeds_of_study(run.id), config.seeds)
