"""Entry point `train`: one seed in a run of its own, for `aggregate` to find."""

from dataclasses import replace

import click

from pipeline.config import Config
from pipeline.learn.seed import train_seed
from pipeline.options import takes_config
from pipeline.prepare import bring
from pipeline.progress import Progress
from pipeline.tracking.histories import runs_of_settings
from pipeline.tracking.starts import choose
from pipeline.values import ConfigError, distinct_seeds


class SeedBusy(Exception):
    """Another process trains the seed; the message is one line and says which."""


@click.command()
@takes_config
@click.option("--seed", metavar="VALUE", help="the seed to train; needed")
def train(config: Config, seed: str | None) -> None:
    """Train one seed."""
    try:
        (number,) = distinct_seeds(seed)
    except (ConfigError, ValueError):
        raise ConfigError(f"seed must be one whole number of 0 or more, like -P seed=42; got {seed!r}") from None
    prepared = bring(config)
    runs = [] if config.fresh else runs_of_settings(config.study_hash(prepared.manifest.digest), number)
    start = choose(number, config.epochs, runs, in_place=False)
    if start.busy:
        raise SeedBusy(f"{start}; wait for it, or name another seed")
    click.echo(start)
    progress = Progress(seeds=1, epochs=config.epochs)
    train_seed(replace(config, seeds=(number,)), start, prepared, progress)
