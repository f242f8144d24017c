"""The axes of a chart: values in permille of its width or height, and ticks."""

from typing import NamedTuple

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import ArrayLike

from pipeline.analysis.figures.style import Numbers

FULL = 1000  # the size of a chart in both directions
NAMES = 940  # the lines end here; the rest leads to their names
ROOM = 0.05  # of the range, above and below the values
FEW_TICKS, MANY_TICKS = 3, 10


class Tick(NamedTuple):
    place: float  # percent from the top or the left
    text: str


class Scale:
    """An axis of values, logarithmic if asked for and if any value is above zero."""

    def __init__(self, values: Numbers, *, log: bool) -> None:
        finite = values[np.isfinite(values)]
        positive = finite[finite > 0]
        self.log = log and positive.size > 0
        drawn = np.log10(positive) if self.log else finite
        low, high = (float(drawn.min()), float(drawn.max())) if drawn.size else (0.0, 1.0)
        room = ROOM * (high - low) or ROOM * abs(high) or 1
        self.low, self.high = low - room, high + room

    def places(self, values: ArrayLike) -> Numbers:
        """Return permille from the top; NaN for what cannot be drawn."""
        drawn = np.asarray(values, dtype=np.float64)
        if self.log:
            drawn = np.log10(np.where(drawn > 0, drawn, np.nan))
        places: Numbers = FULL * (self.high - drawn) / (self.high - self.low)
        return places

    def across(self, values: ArrayLike, width: int = FULL) -> Numbers:
        """Return permille from the left, of an axis that is `width` long; NaN for what cannot be drawn."""
        places: Numbers = width * (1 - self.places(values) / FULL)
        return places

    def ticks(self) -> list[Tick]:
        """Return the ticks of an upright axis."""
        values = self._tick_values()
        return _at(values, self.places(values))

    def ticks_across(self, width: int = FULL) -> list[Tick]:
        """Return the ticks of a level axis."""
        values = self._tick_values()
        return _at(values, self.across(values, width))

    def _tick_values(self) -> Numbers:
        low, high = (10**self.low, 10**self.high) if self.log else (self.low, self.high)
        values = np.round(MaxNLocator(6, steps=(1, 2, 2.5, 5, 10)).tick_values(low, high), 12)
        for subs in ((1,), (1, 2, 5)) if self.log else ():
            of_decades = np.asarray(LogLocator(subs=subs, numticks=99).tick_values(low, high))
            if FEW_TICKS <= np.count_nonzero((of_decades >= low) & (of_decades <= high)) <= MANY_TICKS:
                values = of_decades
        places = self.places(values)
        kept: Numbers = values[(places >= 0) & (places <= FULL)]
        return kept


def of_epochs(epochs: ArrayLike, last: int) -> Numbers:
    """Return the permille from the left of epochs from 1 to `last`."""
    return (np.asarray(epochs, dtype=np.float64) - 0.5) / last * NAMES


def epoch_ticks(last: int) -> list[Tick]:
    values = MaxNLocator(8, integer=True, min_n_ticks=1).tick_values(1, last)
    kept = np.array(sorted({1.0, *(value for value in values if 1 <= value <= last)}))
    kept = np.array([value for value in kept if value == 1 or value > 1 + last / 20])  # 1 and 2 of 150 would touch
    return _at(kept, of_epochs(kept, last))


def of_depths(depths: ArrayLike) -> Numbers:
    """Return the permille from the left of depths from 0 to 1."""
    return NAMES * np.asarray(depths, dtype=np.float64)


def depth_ticks() -> list[Tick]:
    values = np.linspace(0, 1, 5)
    return _at(values, of_depths(values))


def _at(values: Numbers, places: Numbers) -> list[Tick]:
    return [Tick(place / FULL * 100, f"{value:g}") for value, place in zip(values, places, strict=True)]
