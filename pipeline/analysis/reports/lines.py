"""The lines of a chart: paths, and what each line and each of its points tells."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.figures.style import Numbers
from pipeline.analysis.reports.rendering import number
from pipeline.analysis.reports.scales import Scale

MOST_POINTS = 6_000  # of the means of a chart, and of its seeds: some 8 bytes each
MOST_TITLES = 300  # points that tell what they are: some 200 bytes each
LEAST_POINTS = 8  # a line of fewer would show another course
TOLD_POINTS = TOLD_SEEDS = 8
Indices = NDArray[np.intp]


class Across(NamedTuple):
    """Where the values of a line stand, in permille from the left, and their names: `what` before a name, "epoch 3"."""

    places: Numbers
    names: Sequence[str]
    what: str = ""


@dataclass(frozen=True)
class Curve:
    """The values of a line: `means` at the places of `across`, and `by_seed`, seeds x places; NaN where there are none.

    `colours` are its colours on a light and on a dark page.
    """

    name: str
    group: str
    across: Across
    means: Numbers
    by_seed: Numbers
    seeds: Sequence[int]
    colours: tuple[str, str]
    dashed: bool = False

    def __str__(self) -> str:
        return f"{self.name} · {self.group}" if self.group else self.name


@dataclass(frozen=True)
class Line:
    """A curve as it is drawn.

    `seeds` and `points` have pairs of a path and a text, `told` some places by name with their values, `last` what the
    seeds had at the last of them. `end` is in permille from the left and the top.
    """

    curve: Curve
    path: str
    end: tuple[float, float] | None
    seeds: list[tuple[str, str]]
    points: list[tuple[str, str]]
    told: list[tuple[str, str]]
    last: str


class Pen:
    """Draws the curves of a chart; each gets its share of the points."""

    def __init__(self, curves: Sequence[Curve], scale: Scale) -> None:
        self.scale = scale
        self.of_means = MOST_POINTS // len(curves)
        self.of_seeds = MOST_POINTS // max(1, sum(len(curve.seeds) for curve in curves))
        self.of_titles = MOST_TITLES // len(curves)

    def line(self, curve: Curve) -> Line:
        every = np.arange(len(curve.means))
        drawn = np.flatnonzero(np.isfinite(self.scale.places(curve.means)))
        several = len(curve.seeds) > 1 and len(drawn) > 0
        return Line(
            curve,
            self._path(curve, curve.means, _evenly(every, self.of_means)),
            end=self._end(curve, drawn[-1]) if len(drawn) else None,
            seeds=list(self._seeds(curve)) if several else [],
            points=[
                (self._path(curve, curve.means, np.array([place])), self._told(curve, place))
                for place in np.intersect1d(_evenly(every, self.of_titles), drawn)
            ],
            told=[(curve.across.names[place], number(curve.means[place])) for place in _evenly(drawn, TOLD_POINTS)],
            last=self._of_seeds(curve, drawn[-1]) if several else "",
        )

    def path(self, places: Numbers, values: Numbers) -> str:
        """Return the path of values, with a gap where one is missing and a dot where one stands alone."""
        drawn = zip(places, self.scale.places(values), strict=True)
        pieces = []
        for is_drawn, piece in groupby(drawn, lambda place: bool(np.isfinite(place[1]))):
            if is_drawn:
                points = [f"{x:.0f} {y:.0f}" for x, y in piece]
                pieces.append("M" + " ".join(points) + "h0" * (len(points) == 1))
        return "".join(pieces)

    def _path(self, curve: Curve, values: Numbers, chosen: Indices) -> str:
        return self.path(curve.across.places[chosen], values[chosen])

    def _seeds(self, curve: Curve) -> Iterator[tuple[str, str]]:
        chosen = _evenly(np.arange(len(curve.means)), self.of_seeds)
        for seed, values in zip(curve.seeds, curve.by_seed, strict=True):
            if path := self._path(curve, values, chosen):
                yield path, f"{curve} · seed {seed}"

    def _end(self, curve: Curve, place: int) -> tuple[float, float]:
        return float(curve.across.places[place]), float(self.scale.places(curve.means[place]))

    def _told(self, curve: Curve, place: int) -> str:
        value, name = number(curve.means[place]), f"{curve.across.what}{curve.across.names[place]}"
        if len(curve.seeds) > 1:
            return f"{curve} · {name} · mean {value} · {self._of_seeds(curve, place)}"
        return " · ".join([str(curve), name, value, *(f"seed {seed}" for seed in curve.seeds)])

    def _of_seeds(self, curve: Curve, place: int) -> str:
        values = curve.by_seed[:, place]
        if len(curve.seeds) > TOLD_SEEDS:
            return f"{len(curve.seeds)} seeds from {number(np.nanmin(values))} to {number(np.nanmax(values))}"
        return " · ".join(f"seed {seed} {number(value)}" for seed, value in zip(curve.seeds, values, strict=True))


def _evenly(places: Indices, count: int) -> Indices:
    """Return at most `count` of the places, evenly, with the first and the last; none where too few would be left."""
    if count < min(LEAST_POINTS, len(places)):
        return places[:0]
    chosen = np.linspace(0, len(places) - 1, min(count, len(places)))
    kept: Indices = places[np.unique(chosen.round().astype(int))]
    return kept
