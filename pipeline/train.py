"""Entry point `train`: one seed in a run of its own, for `aggregate` to find."""

from dataclasses import replace

import click

from pipeline.config import Config
from pipeline.learn.seed import train_seed
from pipeline.options import takes_config
from pipeline.prepare import bring
from pipeline.progress import Progress
from pipeline.values import ConfigError, distinct_seeds


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
    train_seed(replace(config, seeds=(number,)), number, prepared, Progress(seeds=1, epochs=config.epochs))
