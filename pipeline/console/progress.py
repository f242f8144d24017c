"""What a person sees while a study trains: a bar and a line an epoch, and how long it will take."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from statistics import median

from torch import Tensor
from tqdm import tqdm

from data.loader import Loader
from pipeline.console.terminal import shows_bars

LONG_SECONDS = 3600.0
SHORTER = "shorter: fewer epochs or seeds (-P epochs=20 -P seeds=0), a GPU, a smaller model"


class Progress:
    """What one process shows: of all seeds of a study, or, where `jobs` of them train side by side, of one."""

    def __init__(self, *, seeds: int, epochs: int, jobs: int = 1, announces: bool = True) -> None:
        self.seeds, self.epochs, self.jobs, self.announces = seeds, epochs, jobs, announces
        self.seconds_by_epoch: list[float] = []
        self.seed = 0

    def begin(self, seed: int) -> None:
        self.seed = seed

    def watch(self, epoch: int, batches: Loader) -> Iterable[tuple[Tensor, Tensor]]:
        """Wrap the batches of an epoch in a bar, on a terminal that no other process writes to."""
        label = f"seed {self.seed}  epoch {epoch}/{self.epochs}"
        return tqdm(batches, desc=label, unit="batch", leave=False, disable=self.jobs > 1 or not shows_bars())

    def show_epoch(
        self, epoch: int, losses: Mapping[str, float], accuracies: Mapping[str, float], seconds: float
    ) -> None:
        """Print the line of an epoch; after the very first, how long the study will take."""
        self.seconds_by_epoch.append(seconds)
        scores = "  ".join(f"{part} loss {loss:.4f} acc {accuracies[part]:5.2f} %" for part, loss in losses.items())
        left = self._seconds(self.epochs - epoch)
        print(
            f"seed {self.seed}  epoch {epoch}/{self.epochs}  {scores}  "
            f"{seconds:.1f} s  about {_duration(left)} left for this seed",
            flush=True,
        )
        if len(self.seconds_by_epoch) == 1 and self.announces:
            self._estimate()

    def _estimate(self) -> None:
        rounds = -(-self.seeds // self.jobs)
        total = self._seconds(rounds * self.epochs)
        print(
            f"the study: {_count(self.seeds, 'seed')} x {_count(self.epochs, 'epoch')}: about {_duration(total)}"
            + (f"; {SHORTER}" if total > LONG_SECONDS else ""),
            flush=True,
        )

    def _seconds(self, epochs: int) -> float:
        return epochs * median(self.seconds_by_epoch)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
