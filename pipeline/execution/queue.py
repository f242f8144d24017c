"""The seeds of a study, as they can be trained: neither finished nor claimed by another process."""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path

from pipeline.config.settings import Config
from pipeline.tracking.heartbeat import beats, is_fenced, is_gone
from pipeline.tracking.locks import SeedLocks
from pipeline.tracking.means import fence, reuse
from pipeline.tracking.outbox import FOLDER, send_left
from pipeline.tracking.queries import StoredSeed, runs_of_settings, started
from pipeline.tracking.resume import Start, choose
from pipeline.tracking.retry import ServerAway, patiently
from pipeline.tracking.run import Run

POLL_SECONDS = 5.0
log = logging.getLogger(__name__)


class Queue:
    """Where each seed starts, by what the store holds; every seed that it yields is claimed for the study's run."""

    def __init__(self, config: Config, study_hash: str, study: Run) -> None:
        self.config, self.study_hash, self.study = config, study_hash, study
        self.locks = SeedLocks(study, study_hash)

    def starts(self, pause: Callable[[float], object]) -> Iterator[Start]:
        """Yield the start of every seed that needs training, once no other process trains it; wait for those of others.

        `pause` waits for a number of seconds, in which finished seeds must be released: others may wait for them.
        """
        waiting, said = list(self.config.seeds), self._say_all()
        while waiting:
            for seed in list(waiting):
                start = patiently(partial(self._take, seed), self.config.server_wait)
                if str(start) != said[seed]:
                    log.info(start)
                    said[seed] = str(start)
                if start.busy:
                    continue
                waiting.remove(seed)
                if start.done and start.source:
                    patiently(partial(reuse, self.study, [start.source]), self.config.server_wait)
                else:
                    yield start
            if waiting:
                pause(POLL_SECONDS)

    def release(self, seed: int) -> None:
        """Give up the claim on a seed that this study is done with; the claim also ends with this process."""
        try:
            patiently(partial(self.locks.release, seed), self.config.server_wait)
        except ServerAway as error:  # others are being trained
            log.warning(f"seed {seed} stays claimed: {error}")

    def _say_all(self) -> dict[int, str]:
        runs = self._runs()
        said = {seed: str(self._choose(seed, runs)) for seed in self.config.seeds}
        log.info("\n".join(said.values()))
        return said

    def _take(self, seed: int) -> Start:
        start = self._choose(seed, self._runs(seed))
        if start.done or start.busy:
            return start
        if not self.locks.acquire(seed):
            return Start(seed, self.config.epochs, busy=True)
        return self.start(seed)

    def start(self, seed: int, *, lost: bool = False) -> Start:
        """Return where a claimed seed starts, once the server has what was left of it here.

        A run whose process has been silent for long, or is `lost`, is fenced: the process may still come back.
        """
        for run in self._runs(seed):
            if run.finished or is_fenced(run.tags) or (run.busy and not lost):
                continue
            opened = Run(run.id, self.config.server_wait)
            if is_gone(run.tags) or lost or not beats(opened.tags):
                send_left(opened, Path(self.config.data_dir) / FOLDER, self.config.server_wait)
                fence(run.id)
        return self._choose(seed, self._runs(seed))

    def _choose(self, seed: int, runs: Sequence[StoredSeed]) -> Start:
        return choose(seed, self.config.epochs, [run for run in runs if run.number == seed], in_place=True)

    def _runs(self, seed: int | None = None) -> list[StoredSeed]:
        """Return the runs that count: all with these settings; of a fresh study those that began since."""
        runs = runs_of_settings(self.study_hash, seed)
        return [run for run in runs if run.started >= self._began] if self.config.fresh else runs

    @cached_property
    def _began(self) -> datetime:
        return started(self.study.id)
