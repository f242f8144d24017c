"""Names at the ends of lines: near their lines, none upon another."""

from collections.abc import Mapping, Sequence

import numpy as np
import scipy  # which imports its optimizers where they are first used
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from pipeline.analysis.figures import style
from pipeline.analysis.figures.style import Numbers

GAP = 0.031  # of the height of the axes that a name takes


def spread(ends: Sequence[float], gap: float, low: float, high: float) -> Numbers | None:
    """Return places from `low` to `high`, at least `gap` apart, in the order of the ends and as near to them as can be.

    Near by the sum of squares. None if there is no room for all.
    """
    offsets = gap * np.arange(len(ends))
    if not len(ends) or offsets[-1] > high - low:
        return None
    order = np.argsort(ends, kind="stable")
    wanted = np.asarray(ends, dtype=np.float64)[order] - offsets
    places = np.empty(len(ends))
    places[order] = np.clip(scipy.optimize.isotonic_regression(wanted).x, low, high - offsets[-1]) + offsets
    return places


def name_lines(axes: Axes, lines: Mapping[str, Line2D]) -> bool:
    """Write the name of each line that is drawn beside its end; return False, and write none, where they lack room."""
    ends = {name: places[-1] for name, line in lines.items() if len(places := _drawn(line))}
    axes.set_ylim(axes.get_ylim())  # where the lines are now
    heights = [(axes.transScale + axes.transLimits).transform(end)[1] for end in ends.values()]
    named = spread(heights, GAP, 0, 1)
    if named is None:
        return False
    for (name, end), place in zip(ends.items(), named, strict=True):
        lead = {
            "arrowstyle": "-",
            "color": lines[name].get_color(),
            "linewidth": 0.5,
            "shrinkA": 1,
            "shrinkB": 0,
            "relpos": (0, 0.5),
        }
        axes.annotate(
            style.label(name), end, (1.05, place), textcoords="axes fraction", fontsize=7, va="center", arrowprops=lead,
            annotation_clip=False,
        )  # fmt: skip
    return True


def _drawn(line: Line2D) -> Numbers:
    """Return the points of a line that its axes can show."""
    points = np.column_stack([line.get_xdata(), line.get_ydata()]).astype(np.float64)
    shown: Numbers = points[np.isfinite(line.axes.transScale.transform(points)).all(axis=1)] if line.axes else points
    return shown
