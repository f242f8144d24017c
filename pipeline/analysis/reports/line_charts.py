"""Line charts of a report, as data for chart.html.jinja."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipeline.analysis.figures.line_ends import spread
from pipeline.analysis.figures.style import Numbers
from pipeline.analysis.reports.lines import Curve, Line, Pen
from pipeline.analysis.reports.scales import FULL, Scale, Tick

TALL, LOW = 23, 14  # heights of charts, rem
NAME = 1.0  # height of a name, rem
MOST_NAMES = 120  # below a tall chart; else the lines alone tell their names, when they are pointed at
LONGEST_NAME = 24  # letters at the end of a line
WIDEST_NAME = 44  # letters below


class Axes(NamedTuple):
    """What a chart is drawn in: texts of both axes, ticks of the level one, places on it where seeds end."""

    upward: str
    across: str
    ticks: list[Tick]
    stops: Sequence[float] = ()


@dataclass(frozen=True)
class Named:
    """A line with the percent from the top at which its name stands, and the path that leads there."""

    line: Line
    place: float
    lead: str


@dataclass(frozen=True)
class Chart:
    """What a chart shows; `names_are` is where the names of the lines stand: ends, below, or nowhere.

    `levels` are paths by name. `dots` says that each line is one point.
    """

    axes: Axes
    height: int  # rem
    y_ticks: list[Tick]
    levels: dict[str, str]
    names_are: str
    width: int
    dots: bool
    groups: dict[str, list[Named]]


def line_chart(
    curves: Sequence[Curve],
    axes: Axes,
    scale: Scale,
    *,
    height: int,
    levels: Mapping[str, tuple[Numbers, Numbers]] | None = None,
    at_ends: bool = True,
) -> Chart:
    """Return the chart of curves, those of a group together; `levels` are places from the left, and values, by name.

    Names stand at the ends of the lines if asked for, if there is room, and if they differ where they are cut.
    """
    pen = Pen(curves, scale)
    lines = [pen.line(curve) for curve in curves]
    named = spread([_height(line) for line in lines], FULL * NAME / height, 0, FULL)
    if not at_ends or len({curve.name[:LONGEST_NAME] for curve in curves}) < len(curves):
        named = None
    places = [_height(line) for line in lines] if named is None else named.tolist()
    groups: dict[str, list[Named]] = {}
    for line, place in zip(lines, places, strict=True):
        groups.setdefault(line.curve.group, []).append(Named(line, place / FULL * 100, _lead(line, place)))
    widest = max(len(line.curve.name) for line in lines)
    return Chart(
        axes,
        height,
        y_ticks=scale.ticks(),
        levels={name: pen.path(*level) for name, level in (levels or {}).items()},
        names_are="ends" if named is not None else "below" if _fit_below(len(lines), height) else "nowhere",
        width=min(WIDEST_NAME if named is None else LONGEST_NAME, widest),
        dots=all(len(curve.means) == 1 for curve in curves),
        groups=groups,
    )


def scale_of(curves: Sequence[Curve], levels: Sequence[Numbers] = (), *, log: bool) -> Scale:
    """Return the axis on which all curves and levels have room."""
    values = [curve.means for curve in curves] + [curve.by_seed.ravel() for curve in curves]
    return Scale(np.concatenate([*values, *levels]), log=log)


def _fit_below(count: int, height: int) -> bool:
    return count <= MOST_NAMES and height == TALL


def _height(line: Line) -> float:
    return line.end[1] if line.end else FULL


def _lead(line: Line, place: float) -> str:
    return f"M{line.end[0]:.0f} {line.end[1]:.0f} {FULL} {place:.0f}" if line.end else ""
