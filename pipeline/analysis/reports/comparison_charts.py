"""The charts of compare.html."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.analysis.comparison import NOT_RUN, Compared
from pipeline.analysis.figures import style
from pipeline.analysis.figures.comparison_figures import panels_of
from pipeline.analysis.figures.study_figures import RWC_LABEL
from pipeline.analysis.page_answer import claim_name
from pipeline.analysis.reports.colours import shades
from pipeline.analysis.reports.line_charts import TALL, Axes, Chart, line_chart, scale_of
from pipeline.analysis.reports.lines import Across, Curve
from pipeline.analysis.reports.rendering import number, rows
from pipeline.analysis.reports.row_charts import RowChart, Spot, row_chart
from pipeline.analysis.reports.scales import depth_ticks, of_depths

ACROSS_DEPTH = "depth: 0 the first layer, 1 the last"


def accuracy_chart(accuracies: pd.DataFrame) -> RowChart:
    """Return the chart of the studies' accuracies in a table of ACCURACY_COLUMNS, the highest first."""
    ran = accuracies[accuracies["remarks"] != NOT_RUN].sort_values("test_acc", ascending=False, kind="stable")
    chart = row_chart([_accuracy(row) for row in rows(ran)], "test accuracy, %")
    return chart._replace(ticks=[tick for tick in chart.ticks if float(tick.text) <= 100])


def depth_charts(studies: Sequence[Compared], panel_of: Callable[[Compared], str]) -> dict[str, Chart]:
    """Return a chart of change against depth for each model or data set, on one scale, with a line for each study."""
    panels = {
        panel: [_by_depth(*each) for each in enumerate(its)] for panel, its in panels_of(studies, panel_of).items()
    }
    scale = scale_of([curve for curves in panels.values() for curve in curves], log=True)
    axes = Axes(RWC_LABEL, ACROSS_DEPTH, depth_ticks())
    return {panel: line_chart(curves, axes, scale, height=TALL) for panel, curves in panels.items()}


def claims_chart(claims: Sequence[Mapping[str, Any]]) -> RowChart | None:
    """Return the chart of the ratios of claims that were measured, in their order; None without any."""
    spots = [_claim(row) for row in claims if row["n"]]
    return row_chart(spots, "ratio that the claim says is above 1, or near 1", log=True, reference=1) if spots else None


def _accuracy(row: Mapping[str, Any]) -> Spot:
    told = [row["study"], f"mean of {row['n']} seeds {row['test_acc']:.4g} %"] if row["n"] > 1 else [row["study"]]
    for what, low, high in (("lowest to highest seed", "lowest", "highest"), ("95 % interval", "low", "high")):
        if row[low] < row[high]:
            told.append(f"{what} {row[low]:.4g} to {row[high]:.4g} %")
    if row["paper"] == row["paper"]:
        told.append(f"the paper {row['paper']:.4g} %")
    return Spot(
        row["study"], row["test_acc"], row["lowest"], row["highest"], row["low"], row["high"],
        said=f"{row['test_acc']:.1f} %", told=" · ".join([*told, *filter(None, [row["remarks"]])]), mark=row["paper"],
    )  # fmt: skip


def _claim(row: Mapping[str, Any]) -> Spot:
    name = claim_name(row)
    told = f"{name} · {row['ratio of']} is {number(row['ratio'])} · {row['reason']}"
    return Spot(
        name, row["ratio"], row["lowest"], row["highest"], row["low"], row["high"], row["outcome"], told,
        kind=row["outcome"].split()[-1],
    )  # fmt: skip


def _by_depth(place: int, study: Compared) -> Curve:
    depths, layers, means, by_seed = study.by_depth
    colours = shades(style.PALETTE[place % len(style.PALETTE)], 1)[0]
    across = Across(of_depths(depths), layers)
    dashed = place >= len(style.PALETTE)  # its colour is there already
    return Curve(study.label, "", across, means, by_seed, study.histories.seeds, colours, dashed)
