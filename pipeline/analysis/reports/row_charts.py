"""Charts of rows: a name, a value with the range of its seeds and its interval on an axis, and what is said of it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.analysis.averages import MIN_SEEDS
from pipeline.analysis.reports.scales import Scale, Tick

LEGEND = {
    "range": "thin: lowest to highest seed",
    "interval": f"thick: 95 % interval of the mean, from {MIN_SEEDS} seeds on",
    "mark": "upright: the paper",
}
MIDDLE = 5  # of the height of a row, 10


class Bar(NamedTuple):
    """A part of a row, with its colours on a light and on a dark page."""

    low: float
    high: float
    colours: tuple[str, str]
    told: str


class Spot(NamedTuple):
    """A row: its value, ends of range and interval, NaN where there is none, and another value that is marked.

    `said` stands beside it, `told` above the chart where the row is pointed at. `kind` is a class of report.css.
    """

    name: str
    value: float
    lowest: float
    highest: float
    low: float
    high: float
    said: str
    told: str
    mark: float = np.nan
    kind: str = ""
    bars: Sequence[Bar] = ()


class Row(NamedTuple):
    """A spot with its paths, by class, and those of its bars, in a box of 1000 x 10."""

    spot: Spot
    paths: dict[str, str]
    bars: list[tuple[str, Bar]]


class RowChart(NamedTuple):
    """What a chart of rows shows; `reference` is the place, permille, of the value with which all are compared.

    `legend` says what the marks are, `keys` has the colours of bars by name.
    """

    label: str
    ticks: list[Tick]
    reference: float
    legend: str
    keys: Mapping[str, tuple[str, str]]
    rows: list[Row]


def row_chart(
    spots: Sequence[Spot],
    label: str,
    *,
    log: bool = False,
    reference: float = np.nan,
    keys: Mapping[str, tuple[str, str]] | None = None,
) -> RowChart:
    """Return the chart of spots, in their order, on one axis."""
    drawn = [(spot.value, spot.lowest, spot.highest, spot.low, spot.high, spot.mark) for spot in spots]
    stacked = [(bar.low, bar.high) for spot in spots for bar in spot.bars]
    scale = Scale(np.array([*np.ravel(drawn), *np.ravel(stacked), reference]), log=log)
    at, rows = float(scale.across(reference)), [_row(spot, scale) for spot in spots]
    legend = "; ".join(text for kind, text in LEGEND.items() if any(kind in row.paths for row in rows))
    return RowChart(label, scale.ticks_across(), at, legend.capitalize(), keys or {}, rows)


def _row(spot: Spot, scale: Scale) -> Row:
    spans = {"range": (spot.lowest, spot.highest), "interval": (spot.low, spot.high)}
    paths = {name: _level(ends, scale) for name, ends in spans.items() if ends[0] < ends[1]}
    marked, value = scale.across([spot.mark, spot.value])
    if np.isfinite(marked):
        paths["mark"] = f"M{marked:.0f} 1V9"
    if np.isfinite(value):
        paths["spot"] = f"M{value:.0f} {MIDDLE}h0"
    return Row(spot, paths, [(_level((bar.low, bar.high), scale), bar) for bar in spot.bars])


def _level(ends: tuple[float, float], scale: Scale) -> str:
    low, high = scale.across(ends)
    return f"M{low:.0f} {MIDDLE}H{high:.0f}"
