"""The figure of docs/scale.md: what a server answers, and how long it takes, against the seeds that send at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

from pipeline.analysis.figures import style

LARGER, OWN = style.PALETTE[:2]
FAILED: dict[str, Any] = {"marker": "X", "markersize": 9, "color": "black", "linestyle": ""}
Measured = Sequence[dict[str, Any]]


def draw(larger: Measured, own: Measured, folder: Path) -> None:
    """Draw what was measured with the larger pool, and beside it with MLflow's own."""
    figure = style.new_figure(width=11, height=4.2)
    rates, points, latencies = figure.subplots(1, 3)
    for axes, quantity in ((rates, "requests_a_second"), (points, "points_a_second"), (latencies, "median_seconds")):
        _line(axes, larger, quantity, LARGER)
        _line(axes, own, quantity, OWN)
        _seeds_axis(axes, [found["seeds"] for found in larger])
    _line(latencies, larger, "p95_seconds", LARGER, "--")
    _line(latencies, own, "p95_seconds", OWN, "--")
    rates.set_ylabel("requests answered a second")
    points.set_ylabel("metric points taken a second")
    style.log_axis(latencies, "seconds until metrics are answered")
    for axes in (rates, points):
        axes.set_ylim(bottom=0)
    names = [
        Line2D([], [], color=LARGER, marker="o", label=f"{larger[0]['pool']} connections a worker"),
        Line2D([], [], color=OWN, marker="o", label="15, MLflow's own"),
        Line2D([], [], color=style.OUTSIDE, linestyle="--", label="95th percentile (full line: median)"),
        Line2D([], [], label="some requests failed", **FAILED),
    ]
    figure.legend(handles=names, loc="outside lower center", ncols=len(names), frameon=False)
    style.write(figure, folder, "load")


def _line(axes: Axes, measured: Measured, quantity: str, colour: str, line: str = "-") -> None:
    """Draw a quantity; a time is that of good answers, and says little where requests fail: it is left out there."""
    shown = [each for each in measured if not quantity.endswith("seconds") or not each["errors"]]
    axes.plot([each["seeds"] for each in shown], [each[quantity] for each in shown], line, marker="o", color=colour)
    failed = [each for each in shown if each["errors"]]
    axes.plot([each["seeds"] for each in failed], [each[quantity] for each in failed], zorder=3, **FAILED)


def _seeds_axis(axes: Axes, seeds: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(list(map(float, seeds))))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_locator(FixedLocator([]))
    axes.set_xlabel("seeds that send at once")
    style.open_axes(axes)
