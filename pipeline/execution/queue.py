"""The seeds of a study that are neither finished nor being trained by another process."""

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path

from pipeline.config.folders import outbox_folder
from pipeline.config.settings import Config
from pipeline.tracking.fencing import fence
from pipeline.tracking.heartbeat import beats, is_fenced, is_gone
from pipeline.tracking.locks import SeedLocks
from pipeline.tracking.outbox import send_left
from pipeline.tracking.queries import StoredSeed, runs_of_settings, started
from pipeline.tracking.resume import Start, choose, reuse, warn_of_lacking
from pipeline.tracking.retry import Unreachable, patiently
from pipeline.tracking.run import Run

log = logging.getLogger(__name__)

POLL_SECONDS = 5.0


class Queue:
    """How each seed of a study begins, by what the store holds; every seed that it yields is locked for the study."""

    def __init__(self, config: Config, study_hash: str, study: Run) -> None:
        self.config, self.study_hash, self.study = config, study_hash, study
        self._outboxes = outbox_folder(config)
        if self._outboxes.parent != Path(config.data_dir):
            log.info("%s may only be read: unsent results are kept in %s", config.data_dir, self._outboxes)
        self._locks = SeedLocks(study, study_hash)

    def starts(self, pause: Callable[[float], object]) -> Iterator[Start]:
        """Yield the start of every seed that needs training, once no other process trains it.

        `pause` waits for a number of seconds, in which finished seeds must be released: others may wait for them.
        """
        waiting, reported = list(self.config.seeds), self._report_all()
        while waiting:
            for seed in list(waiting):
                start = patiently(partial(self._start, seed), self.config.server_wait)
                if str(start) != reported[seed]:
                    log.info(start)
                    reported[seed] = str(start)
                if start.busy:
                    continue
                waiting.remove(seed)
                if start.done and start.source:
                    patiently(partial(reuse, self.study, [start.source]), self.config.server_wait)
                    patiently(partial(self.remove_outboxes, seed), self.config.server_wait)
                else:
                    yield start
            if waiting:
                pause(POLL_SECONDS)

    def lock(self, seed: int, *, process_is_lost: bool = False) -> Start:
        """Lock a seed and return its start: busy if another process has it.

        What an earlier process has left on this machine is sent first. A run whose process has been silent for long, or
        is known to be lost, is fenced: the process may still come back.
        """
        if not self._locks.acquire(seed):
            return Start(seed, self.config.epochs, busy=True)
        return self.start_of_locked(seed, process_is_lost=process_is_lost)

    def start_of_locked(self, seed: int, *, process_is_lost: bool = False) -> Start:
        """Return the start of a seed that the study has locked, as `lock` does."""
        for run in self._runs(seed):
            if run.finished or is_fenced(run.tags) or (run.busy and not process_is_lost):
                continue
            opened = Run(run.id, self.config.server_wait)
            if is_gone(run.tags) or process_is_lost or not beats(opened.tags):
                send_left(opened, self._outboxes, self.config.server_wait)
                fence(run.id)
        return self._choose(seed, self._runs(seed))

    def release(self, seed: int) -> None:
        """Release the lock of a seed that this study is done with; it also ends with this process."""
        try:
            patiently(partial(self.remove_outboxes, seed), self.config.server_wait)
            patiently(partial(self._locks.release, seed), self.config.server_wait)
        except Unreachable as error:  # other seeds are being trained
            log.warning("seed %s stays locked: %s", seed, error)

    def _start(self, seed: int) -> Start:
        start = self._choose(seed, self._runs(seed))
        return start if start.done or start.busy else self.lock(seed)

    def _report_all(self) -> dict[int, str]:
        runs = self._runs()
        starts = [self._choose(seed, runs) for seed in self.config.seeds]
        reported = {start.seed: str(start) for start in starts}
        log.info("\n".join(reported.values()))
        warn_of_lacking(starts, self.config.measuring())
        return reported

    def remove_outboxes(self, seed: int) -> None:
        """Remove what this machine keeps of a finished seed's runs; a longer run that is unfinished keeps its own."""
        runs = self._runs(seed)
        if any(run.has(self.config.epochs) for run in runs):
            for run in runs:
                if not run.busy and run.epochs <= self.config.epochs:
                    shutil.rmtree(self._outboxes / run.id, ignore_errors=True)

    def _choose(self, seed: int, runs: Sequence[StoredSeed]) -> Start:
        return choose(seed, self.config.epochs, [run for run in runs if run.number == seed], outboxes=self._outboxes)

    def _runs(self, seed: int | None = None) -> list[StoredSeed]:
        """Return the runs that count: all with these settings; of a fresh study those that began since."""
        runs = runs_of_settings(self.study_hash, seed)
        return [run for run in runs if run.started >= self._began] if self.config.fresh else runs

    @cached_property
    def _began(self) -> datetime:
        return started(self.study.id)
