"""Many seeds on this machine: one after another in this process, or several side by side, each in one of its own."""

import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess

import click

from data import DataError
from data.prepared import Prepared
from models import ModelError
from models.own import remember
from pipeline.config import Config, on_this_machine
from pipeline.disk import DiskFull
from pipeline.execute.queue import Queue
from pipeline.interrupt import Interrupted, end_with_parent, ignore_signals, raise_on_signals
from pipeline.learn.others import DeviceLost
from pipeline.learn.pace import seconds_an_epoch
from pipeline.learn.scores import Diverged
from pipeline.learn.seed import train_seed
from pipeline.prepare import bring
from pipeline.progress import Progress
from pipeline.tracking.outbox import ServerAway
from pipeline.tracking.runs import RunTaken
from pipeline.tracking.starts import Start
from pipeline.tracking.store import StoreError
from pipeline.tracking.studies import close_seed

ONE_LINE = (DeviceLost, Diverged, DataError, DiskFull, ModelError, RunTaken, ServerAway, StoreError)


class Local:
    """The executor on this machine, of so many seeds at once."""

    pause = staticmethod(time.sleep)
    resolve = staticmethod(on_this_machine)
    pace = staticmethod(seconds_an_epoch)

    def __init__(self, jobs: int) -> None:
        self.places = jobs

    def run(
        self,
        studies: Sequence[Callable[[], None]],
        watch: Callable[[], None],  # noqa: ARG002  # each epoch prints a line
    ) -> list[BaseException | None]:
        """Run studies one after another."""
        return [_failure(study) for study in studies]

    def train(self, config: Config, prepared: Prepared, queue: Queue) -> None:
        """Train every seed that the queue hands out. What ends one is said, and does not end the others."""
        if self.places > 1:
            _side_by_side(config, queue)
            return
        progress = Progress(seeds=len(config.seeds), epochs=config.epochs)
        for start in queue:
            _train(config, start, prepared, progress, queue.study.id)
            queue.release(start.seed)


def _failure(study: Callable[[], None]) -> BaseException | None:
    try:
        study()
    except Exception as error:  # the others are to go on
        return error
    return None


def _train(config: Config, start: Start, prepared: Prepared | None, progress: Progress, study: str) -> None:
    """Train a seed on what is prepared, or is taken from the cache now."""
    try:
        train_seed(config, start, prepared or bring(config), progress, study=study)
    except ONE_LINE as error:
        click.echo(f"seed {start.seed} failed: {error}", err=True)
    except Exception:  # one seed's failure must not cost the others
        click.echo(f"seed {start.seed} failed:\n{traceback.format_exc()}", err=True)


def _side_by_side(config: Config, queue: Queue) -> None:
    """Keep `jobs` processes at work; one that is killed costs its own seed alone, which breaks a pool of processes."""
    context = get_context("spawn")  # a fork would share CUDA's and MLflow's state
    starts = iter(queue)
    waiting = True
    running: dict[int, tuple[int, SpawnProcess]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < config.jobs:
                start = next(starts, None)
                if start is None:
                    waiting = False
                    break
                arguments = (config, config.architecture.source, start, queue.study.id)
                process = context.Process(target=_train_alone, args=arguments, name=f"seed-{start.seed}")
                process.start()
                running[process.sentinel] = start.seed, process
            wait(running)
            for ended in [sentinel for sentinel, (_seed, process) in running.items() if not process.is_alive()]:
                seed, process = running.pop(ended)
                _close_if_killed(seed, process, queue.study.id)
                queue.release(seed)
    finally:
        for _seed, process in running.values():
            process.terminate()
        for _seed, process in running.values():
            process.join()


def _train_alone(config: Config, source: str, start: Start, study: str) -> None:
    """Train a seed in a process of its own, which takes the data from the cache itself, and the study's own network."""
    raise_on_signals()
    end_with_parent()
    progress = Progress(
        seeds=len(config.seeds), epochs=config.epochs, jobs=config.jobs, announces=start.seed == config.seeds[0]
    )
    try:
        remember(config.model_name, source)
        _train(config, start, None, progress, study)
    except Interrupted as error:
        ignore_signals()
        sys.exit(128 + error.number)


def _close_if_killed(seed: int, process: SpawnProcess, study: str) -> None:
    process.join()
    if process.exitcode and process.exitcode < 0:
        close_seed(study, seed)
        killed_by = signal.Signals(-process.exitcode).name
        click.echo(f"seed {seed} failed: its process was ended by {killed_by} (out of memory?)", err=True)
