"""Line charts of a report, as data for chart.html.jinja."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.analysis.averages import mean_of_finite
from pipeline.analysis.figures import style
from pipeline.analysis.figures.line_ends import spread
from pipeline.analysis.figures.style import Numbers
from pipeline.analysis.reports.colours import shades
from pipeline.analysis.reports.lines import Curve, Line, Pen
from pipeline.analysis.reports.scales import FULL, Scale, Tick, across, epoch_ticks
from pipeline.analysis.statistics import Histories

TALL, LOW = 23, 14  # heights of charts, rem
NAME = 1.0  # height of a name, rem
MOST_NAMES = 120  # below a tall chart; else the lines alone tell their names, when they are pointed at
LONGEST_NAME = 24  # letters at the end of a line


@dataclass(frozen=True)
class Named:
    """A line with the percent from the top at which its name stands, and the path that leads there."""

    line: Line
    place: float
    lead: str


@dataclass(frozen=True)
class Chart:
    """What a chart shows; `places` is where the names of the lines are: at their ends, below, or nowhere."""

    label: str
    height: int  # rem
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    levels: dict[str, str]  # paths by name
    stops: list[float]
    places: str
    width: int
    groups: dict[str, list[Named]]


def layers_chart(
    histories: Histories,
    values: Numbers,
    label: str,
    *,
    layers: Sequence[str] | None = None,
    levels: Mapping[str, Numbers] | None = None,
    log: bool = True,
    height: int = TALL,
) -> Chart:
    """Return the chart of values, seeds x layers x epochs, of all layers or of some, with the lines of `levels`."""
    means = mean_of_finite(values, axis=0)
    places = {layer: place for place, layer in enumerate(histories.group_of)}
    curves = []
    for group, colour in style.group_colours(histories.groups).items():
        of_group = [name for name, its in histories.group_of.items() if its == group]
        members = [name for name in of_group if layers is None or name in layers]
        for name, shade in zip(members, shades(colour, len(members)), strict=True):
            place = places[name]
            curves.append(Curve(name, group or style.NO_GROUP, means[place], values[:, place], shade, not group))
    return line_chart(histories, curves, label, levels or {}, log=log, height=height)


def line_chart(
    histories: Histories, curves: Sequence[Curve], label: str, levels: Mapping[str, Numbers], *, log: bool, height: int
) -> Chart:
    """Return the chart of curves, those of a group together."""
    values = [curve.means for curve in curves] + [curve.by_seed.ravel() for curve in curves]
    scale = Scale(np.concatenate([*values, *levels.values()]), log=log)
    pen = Pen(curves, histories.seeds, scale)
    lines = [pen.line(curve) for curve in curves]
    named = spread([_height(line) for line in lines], FULL * NAME / height, 0, FULL)
    places = [_height(line) for line in lines] if named is None else named.tolist()
    last = histories.last_epoch
    groups: dict[str, list[Named]] = {}
    for line, place in zip(lines, places, strict=True):
        groups.setdefault(line.curve.group, []).append(Named(line, place / FULL * 100, _lead(line, place)))
    return Chart(
        label,
        height,
        x_ticks=epoch_ticks(last),
        y_ticks=scale.ticks(),
        levels={name: pen.path(values, pen.measured) for name, values in levels.items()},
        stops=[float(across(end + 0.5, last)) for end in sorted({*histories.last_epochs.values()} - {last})],
        places="ends" if named is not None else "below" if len(lines) <= MOST_NAMES and height == TALL else "nowhere",
        width=min(LONGEST_NAME, max(len(line.curve.name) for line in lines)),
        groups=groups,
    )


def _height(line: Line) -> float:
    return line.end[1] if line.end else FULL


def _lead(line: Line, place: float) -> str:
    return f"M{line.end[0]:.0f} {line.end[1]:.0f} {FULL} {place:.0f}" if line.end else ""
