"""The lines of a chart: paths, and what each line and each of its points tells."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.figures.style import Numbers
from pipeline.analysis.reports.rendering import number
from pipeline.analysis.reports.scales import Scale, across

MOST_POINTS = 6_000  # of the means of a chart, and of its seeds: some 8 bytes each
MOST_TITLES = 300  # points that tell what they are: some 200 bytes each
LEAST_POINTS = 8  # a line of fewer would show another course
TOLD_EPOCHS = TOLD_SEEDS = 8
Epochs = NDArray[np.intp]  # from 0


@dataclass(frozen=True)
class Curve:
    """The values of a line: `means` by epoch and `by_seed`, seeds x epochs; NaN where there are none.

    `colours` are its colours on a light and on a dark page.
    """

    name: str
    group: str
    means: Numbers
    by_seed: Numbers
    colours: tuple[str, str]
    dashed: bool

    def __str__(self) -> str:
        return f"{self.name} · {self.group}" if self.group else self.name


@dataclass(frozen=True)
class Line:
    """A curve as it is drawn.

    `seeds` and `points` have pairs of a path and a text, `epochs` some epochs with their values, `last` what the seeds
    had in the last of them. `end` is in permille from the left and the top.
    """

    curve: Curve
    path: str
    end: tuple[float, float] | None
    seeds: list[tuple[str, str]]
    points: list[tuple[str, str]]
    epochs: list[tuple[int, str]]
    last: str


class Pen:
    """Draws the curves of a chart over the epochs in which any of them has a value."""

    def __init__(self, curves: Sequence[Curve], seeds: Sequence[int], scale: Scale) -> None:
        means = np.array([curve.means for curve in curves])
        self.last_epoch = means.shape[1]
        self.measured = np.flatnonzero(np.isfinite(means).any(axis=0))
        self.seeds, self.scale = seeds, scale
        self.of_means = _evenly(self.measured, MOST_POINTS // len(curves))
        self.of_seeds = _evenly(self.measured, MOST_POINTS // (len(curves) * len(seeds)))
        self.of_titles = _evenly(self.measured, MOST_TITLES // len(curves))

    def line(self, curve: Curve) -> Line:
        drawn = np.flatnonzero(np.isfinite(self.scale.places(curve.means)))
        several = len(self.seeds) > 1 and len(drawn) > 0
        return Line(
            curve,
            self.path(curve.means, self.of_means),
            end=self._place(curve.means, drawn[-1]) if len(drawn) else None,
            seeds=list(self._seeds(curve)) if several else [],
            points=[
                (self.path(curve.means, np.array([epoch])), self._told(curve, epoch))
                for epoch in np.intersect1d(self.of_titles, drawn)
            ],
            epochs=[(int(epoch) + 1, number(curve.means[epoch])) for epoch in _evenly(drawn, TOLD_EPOCHS)],
            last=self._of_seeds(curve, drawn[-1]) if several else "",
        )

    def _seeds(self, curve: Curve) -> Iterator[tuple[str, str]]:
        for seed, values in zip(self.seeds, curve.by_seed, strict=True):
            if path := self.path(values, self.of_seeds):
                yield path, f"{curve} · seed {seed}"

    def _place(self, values: Numbers, epoch: int) -> tuple[float, float]:
        return float(across(epoch + 1, self.last_epoch)), float(self.scale.places(values[epoch]))

    def path(self, values: Numbers, epochs: Epochs) -> str:
        """Return the path of some epochs, with a gap where a value is missing and a dot where one stands alone."""
        places = zip(across(epochs + 1, self.last_epoch), self.scale.places(values[epochs]), strict=True)
        pieces = []
        for is_drawn, piece in groupby(places, lambda place: bool(np.isfinite(place[1]))):
            if is_drawn:
                points = [f"{x:.0f} {y:.0f}" for x, y in piece]
                pieces.append("M" + " ".join(points) + "h0" * (len(points) == 1))
        return "".join(pieces)

    def _told(self, curve: Curve, epoch: int) -> str:
        value = number(curve.means[epoch])
        if len(self.seeds) == 1:
            return f"{curve} · epoch {epoch + 1} · {value} · seed {self.seeds[0]}"
        return f"{curve} · epoch {epoch + 1} · mean {value} · {self._of_seeds(curve, epoch)}"

    def _of_seeds(self, curve: Curve, epoch: int) -> str:
        values = curve.by_seed[:, epoch]
        if len(self.seeds) > TOLD_SEEDS:
            return f"{len(self.seeds)} seeds from {number(np.nanmin(values))} to {number(np.nanmax(values))}"
        return " · ".join(f"seed {seed} {number(value)}" for seed, value in zip(self.seeds, values, strict=True))


def _evenly(epochs: Epochs, count: int) -> Epochs:
    """Return at most `count` of the epochs, evenly, with the first and the last; none where too few would be left."""
    if count < min(LEAST_POINTS, len(epochs)):
        return epochs[:0]
    chosen = np.linspace(0, len(epochs) - 1, min(count, len(epochs)))
    kept: Epochs = epochs[np.unique(chosen.round().astype(int))]
    return kept
