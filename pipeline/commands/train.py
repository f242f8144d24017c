"""Command `train`: one seed in a run of its own, for `aggregate` to find."""

import logging
from dataclasses import replace
from functools import partial

import click

from pipeline.config.options import WithSettings, takes_settings
from pipeline.config.resolve import read_settings, resolve
from pipeline.config.values import distinct_seeds
from pipeline.console.errors import BadInput, Failure
from pipeline.console.progress import Progress
from pipeline.execution.queue import Queue
from pipeline.tracking.queries import StoredSeed, runs_of_settings
from pipeline.tracking.resume import Start, choose, warn_of_lacking
from pipeline.tracking.retry import StoreError, patiently
from pipeline.tracking.run import STUDY
from pipeline.tracking.runs import open_run
from pipeline.training.inputs import prepare_inputs
from pipeline.training.seed import load_checkpoint, seed_tags, train_in

log = logging.getLogger(__name__)


class SeedBusy(BadInput):
    """Another process trains the seed; the message is one line and says which."""


class SeedFailed(Failure):
    """The store refused results of a seed that was being trained; the message is one line."""


@click.command(cls=WithSettings)
@takes_settings
@click.option("--seed", metavar="VALUE", help="the seed to train; required")
def train(given: dict[str, str], seed: str | None) -> None:
    """Train one seed."""
    try:
        (number,) = distinct_seeds(seed)
    except ValueError:
        raise BadInput(f"seed must be one whole number of 0 or more, like -P seed=42; got {seed!r}") from None
    settings = replace(read_settings(given), seeds=(number,))
    if settings.executor != "local":
        raise BadInput("executor must be local for train, which trains one seed in its own process; got 'ray'")
    config = resolve(settings)
    prepared = prepare_inputs(config)
    study_hash = config.study_hash(prepared.manifest.digest)
    _refuse_if_busy(choose(number, config.epochs, _busy(study_hash, number), in_place=False))
    with open_run("seed", f"seed-{number}", tags={STUDY: study_hash}, patience=config.server_wait) as run:
        queue = Queue(config, study_hash, run)
        start = _lock(queue, number)
        log.info(start)
        warn_of_lacking([start], config.measuring())
        start, state = load_checkpoint(config, start)
        run.set_tags(seed_tags(config, prepared, number))  # from now on it counts as a run of this seed
        progress = Progress(seeds=1, epochs=config.epochs)
        try:
            train_in(run, config, start, state, prepared, progress)
        except StoreError as error:
            raise SeedFailed(f"seed {number} failed: {error}") from error
    queue.release(number)


def _busy(study_hash: str, seed: int) -> list[StoredSeed]:
    return [run for run in runs_of_settings(study_hash, seed) if run.busy]


def _lock(queue: Queue, seed: int) -> Start:
    """Lock the seed for the run of this command, and return its start there; raise SeedBusy."""
    start = patiently(partial(queue.lock, seed), queue.config.server_wait)
    _refuse_if_busy(start)
    return start._replace(own_run=None)


def _refuse_if_busy(start: Start) -> None:
    if start.busy:
        raise SeedBusy(f"{start}; wait for it, or name another seed")
