"""Entry point `study`, the project's main: prepare the data, train every seed, aggregate."""

import traceback

import click

from pipeline.aggregate import aggregate_seeds, open_study
from pipeline.config import Config
from pipeline.learn.fit import Diverged
from pipeline.learn.seed import train_seed
from pipeline.options import takes_config
from pipeline.prepare import bring
from pipeline.progress import Progress
from pipeline.tracking.histories import seeds_of_study


@click.command()
@takes_config
def study(config: Config) -> None:
    """Train all seeds and average them: one study."""
    prepared = bring(config)
    progress = Progress(seeds=len(config.seeds), epochs=config.epochs)
    with open_study(config, prepared) as run:
        for seed in config.seeds:
            try:
                train_seed(config, seed, prepared, progress, study=run.id)
            except Diverged as error:
                click.echo(f"seed {seed} failed: {error}", err=True)
            except Exception:  # one seed's failure must not cost the others
                click.echo(f"seed {seed} failed:\n{traceback.format_exc()}", err=True)
        aggregate_seeds(run, config.study_name, seeds_of_study(run.id), config.seeds)
