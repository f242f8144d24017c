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
    """The y axis: from the top down, logarithmic if asked for and if any value is above zero."""

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

    def ticks(self) -> list[Tick]:
        values = self._tick_values()
        places = self.places(values) / FULL * 100
        return [Tick(place, f"{value:g}") for value, place in zip(values, places, strict=True) if 0 <= place <= 100]

    def _tick_values(self) -> Numbers:
        low, high = (10**self.low, 10**self.high) if self.log else (self.low, self.high)
        for subs in ((1, 2, 5), (1,)) if self.log else ():
            values = np.asarray(LogLocator(subs=subs, numticks=99).tick_values(low, high))
            if FEW_TICKS <= np.count_nonzero((values >= low) & (values <= high)) <= MANY_TICKS:
                return values
        return np.round(MaxNLocator(6, steps=(1, 2, 2.5, 5, 10)).tick_values(low, high), 12)


def across(epochs: ArrayLike, last: int) -> Numbers:
    """Return the permille from the left of epochs from 1 to `last`."""
    return (np.asarray(epochs, dtype=np.float64) - 0.5) / last * NAMES


def epoch_ticks(last: int) -> list[Tick]:
    values = MaxNLocator(8, integer=True, min_n_ticks=1).tick_values(1, last)
    kept = np.array(sorted({1.0, *(value for value in values if 1 <= value <= last)}))
    kept = np.array([value for value in kept if value == 1 or value > 1 + last / 20])  # 1 and 2 of 150 would touch
    places = across(kept, last) / FULL * 100
    return [Tick(place, f"{value:g}") for value, place in zip(kept, places, strict=True)]
