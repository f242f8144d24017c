"""What is left of each layer's way to its final weights, at the epochs of which snapshots were kept."""

import pandas as pd
from matplotlib.figure import Figure

from pipeline.analysis.figures import curves, style
from pipeline.analysis.inference import effect
from pipeline.analysis.statistics import Histories

REMAINING = "remaining_distance"
HALF = 0.5


def half_way_table(histories: Histories) -> pd.DataFrame:
    """Return a line a layer: the first snapshot's epoch at which half of the way is done, mean over n seeds, interval.

    Only seeds that have one count, and n says how many: a layer has none that ended where it started, or that was not
    yet half way at the last snapshot that was kept.
    """
    rows = histories.measurements[REMAINING]
    done = rows[rows["value"] <= HALF].groupby(["layer", "seed"], observed=True)["epoch"].min()
    table = []
    for layer, group in histories.group_of.items():
        epochs = done[done.index.get_level_values("layer") == layer].to_numpy(dtype=float)
        mean, low, high, _p, n = effect(epochs)
        table.append((layer, group, mean, low, high, n))
    return pd.DataFrame(table, columns=["layer", "group", "epoch", "low", "high", "n"])


def remaining_distance(histories: Histories, heading: str) -> Figure:
    """Draw what is left of each layer's way at the snapshots."""
    figure = style.new_figure()
    axes = figure.subplots()
    groups = list(dict.fromkeys(histories.group_of.values()))
    curves.draw_layers(axes, histories, groups, REMAINING)
    axes.axhline(HALF, color="black", linewidth=0.9, linestyle="--")
    axes.set_ylabel("distance to the final weights / that of the initial ones")
    style.open_axes(axes)
    style.epoch_axis(axes, histories)
    curves.group_legend(axes, histories, groups)
    axes.set_title(f"What is left of each layer's way: {heading}\n{curves.HOW_TO_READ}", fontsize=10)
    return figure
