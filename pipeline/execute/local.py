"""Many seeds on this machine: one after another in this process, or several side by side, each in one of its own."""

import signal
import sys
import traceback
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess

import click

from data.prepared import Prepared
from pipeline.config import Config
from pipeline.interrupt import Interrupted, raise_on_signals
from pipeline.learn.fit import Diverged
from pipeline.learn.seed import train_seed
from pipeline.prepare import bring
from pipeline.progress import Progress
from pipeline.tracking.studies import close_seed


def train_seeds(config: Config, prepared: Prepared, study: str) -> None:
    """Train every seed below the study's run. What ends one is said, and does not end the others."""
    if config.jobs > 1:
        _side_by_side(config, study)
        return
    progress = Progress(seeds=len(config.seeds), epochs=config.epochs)
    for seed in config.seeds:
        _train(config, seed, prepared, progress, study)


def _train(config: Config, seed: int, prepared: Prepared, progress: Progress, study: str) -> None:
    try:
        train_seed(config, seed, prepared, progress, study=study)
    except Diverged as error:
        click.echo(f"seed {seed} failed: {error}", err=True)
    except Exception:  # one seed's failure must not cost the others
        click.echo(f"seed {seed} failed:\n{traceback.format_exc()}", err=True)


def _side_by_side(config: Config, study: str) -> None:
    """Keep `jobs` processes at work; one that is killed costs its own seed alone, which breaks a pool of processes."""
    context = get_context("spawn")  # a fork would share CUDA's and MLflow's state
    waiting = list(config.seeds)
    running: dict[int, tuple[int, SpawnProcess]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < config.jobs:
                seed = waiting.pop(0)
                process = context.Process(target=_train_alone, args=(config, seed, study), name=f"seed-{seed}")
                process.start()
                running[process.sentinel] = seed, process
            wait(running)
            for ended in [sentinel for sentinel, (_seed, process) in running.items() if not process.is_alive()]:
                _close_if_killed(*running.pop(ended), study)
    finally:
        for _seed, process in running.values():
            process.terminate()
        for _seed, process in running.values():
            process.join()


def _train_alone(config: Config, seed: int, study: str) -> None:
    """Train a seed in a process of its own, which takes the data from the cache itself."""
    raise_on_signals()
    progress = Progress(
        seeds=len(config.seeds), epochs=config.epochs, jobs=config.jobs, announces=seed == config.seeds[0]
    )
    try:
        _train(config, seed, bring(config), progress, study)
    except Interrupted as error:
        sys.exit(128 + error.number)


def _close_if_killed(seed: int, process: SpawnProcess, study: str) -> None:
    process.join()
    if process.exitcode and process.exitcode < 0:
        close_seed(study, seed)
        killed_by = signal.Signals(-process.exitcode).name
        click.echo(f"seed {seed} failed: its process was ended by {killed_by} (out of memory?)", err=True)
