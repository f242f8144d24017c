"""Entry point `train`: one seed in a run of its own, for `aggregate` to find."""

from dataclasses import replace
from pathlib import Path

import click

from pipeline.config import Config
from pipeline.learn.seed import train_seed
from pipeline.options import takes_config
from pipeline.prepare import bring
from pipeline.progress import Progress
from pipeline.tracking.outbox import FOLDER, send_left
from pipeline.tracking.starts import Start, choose
from pipeline.tracking.stored import runs_of_settings
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
    start = _start(config, config.study_hash(prepared.manifest.digest), number)
    if start.busy:
        raise SeedBusy(f"{start}; wait for it, or name another seed")
    click.echo(start)
    progress = Progress(seeds=1, epochs=config.epochs)
    train_seed(replace(config, seeds=(number,)), start, prepared, progress)


def _start(config: Config, study_hash: str, seed: int) -> Start:
    """Return where the seed starts, once the server has what earlier runs of it left here."""
    if config.fresh:
        return Start(seed, config.epochs)
    left = [run.id for run in runs_of_settings(study_hash, seed) if not run.finished and not run.busy]
    send_left(left, Path(config.data_dir) / FOLDER, config.server_wait)
    return choose(seed, config.epochs, runs_of_settings(study_hash, seed), in_place=False)
