"""Ctrl-C, SIGTERM and a closed terminal as one exception, so that runs are closed before the process ends."""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType

import psutil

SHELLS = ("sh", "bash", "dash", "zsh")
WATCH_SECONDS = 1.0
SAME_SECONDS = 2.0  # the terminal and mlflow run may each send the signal of one Ctrl-C
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
log = logging.getLogger(__name__)


class Interrupted(BaseException):
    """The process was asked to stop; `number` is the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def raise_on_signals() -> None:
    """Raise Interrupted at the first signal; while the runs are being closed a second Ctrl-C ends at once.

    Other signals that follow are ignored: `mlflow run` passes one on that the terminal has sent to all.
    """
    for number in SIGNALS:
        if not (number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN):  # nohup is left in force
            signal.signal(number, _interrupt)


def ignore_signals() -> None:
    """Ignore what may still come once the runs are closed: Python would let it kill the process on its way out."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def end_with_parent() -> None:
    """Send SIGTERM to this process once the one that started it, or a shell between them, is gone."""
    ancestors = list(_ancestors())

    def watch() -> None:
        while all(map(_is_alive, ancestors)):
            time.sleep(WATCH_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _ancestors() -> Iterator[psutil.Process]:
    """Yield the shells above this process and the first other program, as far as /proc shows those of other users."""
    process = psutil.Process()
    with suppress(psutil.AccessDenied, psutil.NoSuchProcess):
        while ancestor := process.parent():
            name = ancestor.name()
            yield ancestor
            if name not in SHELLS:
                return
            process = ancestor


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # it runs as another user now
        return True


def _interrupt(number: int, _frame: FrameType | None) -> None:
    first = time.monotonic()

    def end_at_once(again: int, _frame: FrameType | None) -> None:
        if time.monotonic() - first > SAME_SECONDS:
            os._exit(128 + again)

    ignore_signals()
    signal.signal(signal.SIGINT, end_at_once)
    log.warning("closing the runs; Ctrl-C ends at once, and the same command resumes either way")
    raise Interrupted(number)
