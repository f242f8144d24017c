"""Many seeds on this machine: one after another in this process, or several side by side, each in one of its own."""

import logging
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Self, cast

import torch

from data.prepared import Prepared
from models.custom import remember
from pipeline.config.resolve import jobs_of, resolve
from pipeline.config.schema import Settings
from pipeline.config.settings import Config
from pipeline.console.errors import Failure
from pipeline.console.messages import configure, is_quiet
from pipeline.console.progress import Progress
from pipeline.execution.queue import Queue
from pipeline.execution.status import Capacity
from pipeline.host.cores import threads_of
from pipeline.host.signals import Interrupted, end_with_parent, ignore_signals, raise_on_signals
from pipeline.tracking.fencing import close_seed
from pipeline.tracking.resume import Start
from pipeline.tracking.retry import Unreachable, patiently
from pipeline.training.epoch_time import estimate_epoch_seconds
from pipeline.training.inputs import load_inputs
from pipeline.training.seed import train_seed

log = logging.getLogger(__name__)


class Local:
    """The executor on this machine, which trains one seed or several at once, as the settings of all studies say."""

    resolve = staticmethod(resolve)
    epoch_seconds = staticmethod(estimate_epoch_seconds)

    def __init__(self, settings: Settings) -> None:
        self.capacity = Capacity(seeds=jobs_of(settings), studies_together=False)
        self._cores = torch.get_num_threads()  # before a seed in this process takes fewer
        self._shares = settings.threads == "auto"

    def run(self, studies: Sequence[Callable[[], None]], watch: Callable[[], None]) -> list[BaseException | None]:
        """Run studies one after another; each shows its own progress, and `watch` that of all between them."""
        failures = []
        for study in studies:
            failures.append(_failure(study))
            if len(studies) > 1:
                watch()
        return failures

    def train(self, config: Config, prepared: Prepared, queue: Queue) -> None:
        """Train every queued seed. A failing seed is reported and does not stop the others."""
        if config.jobs > 1:
            _side_by_side(config, queue, self._cores, shares=self._shares and config.device == "cpu")
            return
        progress = Progress(seeds=len(config.seeds), epochs=config.epochs)
        for start in queue.starts(time.sleep):
            _train(config, start, prepared, progress, queue.study.id)
            queue.release(start.seed)


def _failure(study: Callable[[], None]) -> BaseException | None:
    try:
        study()
    except Exception as error:  # the other studies run nevertheless
        return error
    return None


def _train(config: Config, start: Start, prepared: Prepared | None, progress: Progress, study: str) -> None:
    """Train a seed on what is prepared, or is taken from the cache now."""
    try:
        train_seed(config, start, prepared or load_inputs(config), progress, study=study)
    except Failure as error:
        log.warning("seed %s failed: %s", start.seed, error)
    except Exception:  # one seed's failure must not cost the others
        log.warning("seed %s failed:", start.seed, exc_info=True)


def _side_by_side(config: Config, queue: Queue, cores: int, *, shares: bool) -> None:
    """Train `jobs` seeds at a time, each in a process of its own.

    With `shares`, those that are left over after full rounds get more threads, and wait until these are free.
    """
    seeds, jobs = config.seeds, config.jobs
    with Processes(queue, threads=max(cores, jobs * config.threads)) as processes:
        for start in queue.starts(processes.release_ended):
            own = threads_of(seeds.index(start.seed), len(seeds), jobs, cores) if shares else config.threads
            while not processes.have_threads(own):
                processes.release_ended()
            processes.start(start, replace(config, threads=own))
            while len(processes) == jobs:  # the next seed may be another process's until there is a place for it
                processes.release_ended()
        while len(processes):
            processes.release_ended()


class Processes:
    """Seeds in processes of their own; one that is killed costs its own seed alone, but would break a pool.

    Together they have `threads` threads.
    """

    def __init__(self, queue: Queue, threads: int) -> None:
        self.queue, self.threads = queue, threads
        self._context = get_context("spawn")  # a fork would share CUDA's and MLflow's state
        self._running: dict[int, tuple[Config, int, SpawnProcess]] = {}

    def __len__(self) -> int:
        return len(self._running)

    def have_threads(self, threads: int) -> bool:
        return sum(config.threads for config, _seed, _process in self._running.values()) + threads <= self.threads

    def start(self, start: Start, config: Config) -> None:
        arguments = (config, config.architecture.source, start, self.queue.study.id, is_quiet())
        process = self._context.Process(target=_train_alone, args=arguments, name=f"seed-{start.seed}")
        process.start()
        self._running[process.sentinel] = config, start.seed, process

    def release_ended(self, seconds: float | None = None) -> None:
        """Wait for a process to end, at most for some seconds, and release its seed."""
        if not self._running:
            time.sleep(seconds or 0)
        for ended in wait(self._running, seconds):
            config, seed, process = self._running.pop(cast(int, ended))
            self._report(seed, process, config.server_wait)
            self.queue.release(seed)

    def _report(self, seed: int, process: SpawnProcess, patience: float) -> None:
        """Report a process that did not end by itself: a killed one, or one that could not even import the project."""
        process.join()
        if not process.exitcode or process.exitcode == 128 + signal.SIGTERM:
            return
        try:
            patiently(partial(close_seed, self.queue.study_hash, seed), patience)
        except Unreachable as error:  # the next command closes it; others are being trained
            log.warning("seed %s: %s", seed, error)
        if process.exitcode < 0:
            ended = f"was ended by {signal.Signals(-process.exitcode).name} (out of memory?)"
        else:
            ended = f"ended with exit code {process.exitcode} (see what it printed)"
        log.warning("seed %s failed: its process %s", seed, ended)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for _config, _seed, process in self._running.values():
            process.terminate()
        for _config, _seed, process in self._running.values():
            process.join()


def _train_alone(config: Config, source: str, start: Start, study: str, quiet: bool) -> None:
    """Train a seed in a process of its own, which takes the data from the cache itself, and the study's own network."""
    raise_on_signals()
    end_with_parent()
    configure(quiet=quiet)
    progress = Progress(
        seeds=len(config.seeds), epochs=config.epochs, jobs=config.jobs, announces=start.seed == config.seeds[0]
    )
    try:
        remember(config.model_name, source)
        _train(config, start, None, progress, study)
    except Interrupted as error:
        ignore_signals()
        sys.exit(128 + error.number)
