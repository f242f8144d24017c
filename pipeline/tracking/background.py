"""One thread that writes to the tracking server while the next epoch trains."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

log = logging.getLogger(__name__)


class Background:
    """Runs one job at a time, in order. The error of a job is raised by the next `submit`, or when the block ends."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "background")
        self._job: Future[object] | None = None

    def submit(self, job: Callable[[], object]) -> None:
        """Start a job; wait for the one before, so that no more than one epoch is ever in memory and not written."""
        self._wait()
        self._job = self._thread.submit(job)

    def _wait(self) -> None:
        job, self._job = self._job, None
        if job:
            job.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._thread:  # waits for the job
            if error is None:
                self._wait()
            elif self._job and (lost := self._job.exception()):  # the error that ended the block is raised
                log.warning("the last epoch could not be logged: %s", lost)
