"""The figure of docs/scale.md: what a server answers, and how long it takes, against the seeds that send at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator

from pipeline.results import style

Measured = Sequence[dict[str, Any]]


def draw(larger: Measured, own: Measured, folder: Path) -> None:
    """Draw what was measured with the larger pool, and beside it with MLflow's own."""
    figure = style.new_figure(width=11, height=4.2)
    rates, points, latencies = figure.subplots(1, 3)
    _lines(rates, larger, own, "requests_a_second")
    _lines(points, larger, own, "points_a_second")
    _lines(latencies, larger, own, "median_seconds")
    _line(latencies, larger, "p95_seconds", style.PALETTE[0], "--", "larger pool, 95th percentile")
    rates.set_ylabel("requests answered a second")
    points.set_ylabel("metric points taken a second")
    style.log_axis(latencies, "seconds until an epoch's metrics are answered")
    for axes in (rates, points):
        axes.set_ylim(bottom=0)
    for axes in (rates, points, latencies):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator([found["seeds"] for found in larger]))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.xaxis.set_minor_locator(FixedLocator([]))
        axes.set_xlabel("seeds that send at once")
        style.open_axes(axes)
    handles, names = latencies.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
    style.write(figure, folder, "load")


def _lines(axes: Axes, larger: Measured, own: Measured, quantity: str) -> None:
    median = ", median" if quantity == "median_seconds" else ""
    _line(axes, larger, quantity, style.PALETTE[0], "-", f"larger pool{median}")
    _line(axes, own, quantity, style.PALETTE[1], "-", f"MLflow's own pool{median}")


def _line(axes: Axes, found: Measured, quantity: str, colour: str, line: str, name: str) -> None:
    shown = [each for each in found if each[quantity] is not None]
    seeds = [each["seeds"] for each in shown]
    axes.plot(seeds, [each[quantity] for each in shown], line, marker="o", color=colour, label=name)
