"""What a terminal shows while seeds train: a bar of batches, a line an epoch, and how long the study will take."""

import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from statistics import median
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from pipeline.console.terminal import live_console

LONG_SECONDS = 3600.0
SHORTER = "shorter: fewer epochs or seeds (-P epochs=20 -P seeds=0), a GPU, a smaller model"
Batch = TypeVar("Batch")
log = logging.getLogger(__name__)


class Progress:
    """The progress of all seeds of a study or, if `jobs` of them train side by side, of the one in this process."""

    def __init__(self, *, seeds: int, epochs: int, jobs: int = 1, announces: bool = True) -> None:
        self.seeds, self.epochs, self.jobs, self.announces = seeds, epochs, jobs, announces
        self.seconds_by_epoch: list[float] = []
        self.seed = 0

    def begin(self, seed: int) -> None:
        self.seed = seed

    def watch(self, epoch: int, batches: Iterable[Batch]) -> Iterable[Batch]:
        """Wrap the batches of an epoch in a bar, on a terminal that no other process writes to."""
        console = live_console() if self.jobs == 1 else None
        return _with_bar(batches, self._label(epoch), console) if console else batches

    def show_epoch(
        self, epoch: int, losses: Mapping[str, float], accuracies: Mapping[str, float], seconds: float
    ) -> None:
        """Print the line of an epoch; after the first epoch of all, also how long the study will take.

        Losses and accuracies (percent) are by part of the data.
        """
        self.seconds_by_epoch.append(seconds)
        label = self._label(epoch)
        scores = "  ".join(f"{part} loss {loss:.4f} acc {accuracies[part]:5.2f} %" for part, loss in losses.items())
        left = _duration(self._seconds(self.epochs - epoch))
        log.info("%s  %s  %.1f s  about %s left for this seed", label, scores, seconds, left)
        if len(self.seconds_by_epoch) == 1 and self.announces:
            self._estimate()

    def _label(self, epoch: int) -> str:
        return f"seed {self.seed}  epoch {epoch}/{self.epochs}"

    def _estimate(self) -> None:
        rounds = max(1, self.seeds / self.jobs)  # the last seeds share the threads of all
        total = self._seconds(rounds * self.epochs)
        advice = f"; {SHORTER}" if total > LONG_SECONDS else ""
        seeds, epochs = _count(self.seeds, "seed"), _count(self.epochs, "epoch")
        log.info("the study: %s x %s: about %s%s", seeds, epochs, _duration(total), advice)

    def _seconds(self, epochs: float) -> float:
        return epochs * median(self.seconds_by_epoch)


def _with_bar(batches: Iterable[Batch], label: str, console: Console) -> Iterator[Batch]:
    columns = TextColumn(label, markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    redirected = sys.stdout.isatty()  # a file or a pipe still gets its lines
    with Bar(*columns, console=console, transient=True, redirect_stdout=redirected, refresh_per_second=4) as bar:
        console.show_cursor()  # rich hides it, and a killed process could not restore it
        yield from bar.track(batches)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
