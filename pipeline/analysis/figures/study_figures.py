"""The figures of a study: RWC by layer, in the paper's pairs of groups, as a heat map; accuracy and loss."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from pipeline.analysis.distance_left import REMAINING, remaining_distance
from pipeline.analysis.figures import curves, style
from pipeline.analysis.levels import equilibrium_figures
from pipeline.analysis.size_bias import has_sizes, size_bias
from pipeline.analysis.statistics import Histories, over_seeds

RWC_LABEL = "relative weight change per epoch"
PARTS = {"train": (style.PALETTE[0], "-"), "val": (style.PALETTE[2], "-."), "test": (style.PALETTE[1], "--")}


def write_figures(histories: Histories, folder: Path, *, title: str, asked: int) -> None:
    """Write every figure of a study; `asked` is the number of seeds the study was meant to have."""
    heading = f"{title}, {style.seeds_text(histories.seeds, asked)}"
    style.write(rwc_by_layer(histories, heading), folder, "rwc_layers")
    for name, groups in _panels(histories):
        style.write(rwc_of_groups(histories, groups, heading), folder, f"rwc_{name}")
    style.write(rwc_heat_map(histories, heading), folder, "rwc_heatmap")
    if has_sizes(histories):
        style.write(size_bias(histories, heading), folder, "size_bias")
    for name, figure in equilibrium_figures(histories, heading):
        style.write(figure, folder, name)
    if REMAINING in histories.measurements:
        style.write(remaining_distance(histories, heading), folder, REMAINING)
    style.write(accuracy_and_loss(histories, heading), folder, "accuracy_loss")


def rwc_by_layer(histories: Histories, heading: str) -> Figure:
    """Draw the mean of every layer in the colour of its group, and each seed thin behind it."""
    figure = style.new_figure()
    axes = figure.subplots()
    groups = list(dict.fromkeys(histories.group_of.values()))
    curves.draw_layers(axes, histories, groups)
    curves.group_legend(axes, histories, groups)
    _finish(axes, histories, f"How much each layer changes: {heading}")
    return figure


def rwc_of_groups(histories: Histories, groups: list[str], heading: str) -> Figure:
    """Draw the layers of some groups, each named in the legend."""
    count = sum(group in groups for group in histories.group_of.values())
    figure = style.new_figure(height=max(5, 0.19 * count + 1))
    axes = figure.subplots()
    curves.draw_layers(axes, histories, groups, named=True)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    _finish(axes, histories, f"{', '.join(groups)}: {heading}")
    return figure


def rwc_heat_map(histories: Histories, heading: str) -> Figure:
    """Draw the mean over the seeds by layer (rows, the first on top) and epoch (columns)."""
    layers, means = list(histories.group_of), histories.means("rwc")
    values = np.where(means > 0, means, np.nan)
    figure = style.new_figure(height=max(3.5, 0.2 * len(layers) + 1.5))
    axes = figure.subplots()
    finite = values[np.isfinite(values)]
    norm = LogNorm(finite.min(), finite.max()) if finite.size and finite.min() < finite.max() else None
    epochs = np.arange(1, values.shape[1] + 1)
    mesh = axes.pcolormesh(
        epochs, np.arange(len(layers)), values, norm=norm, cmap="cividis", shading="nearest",
        rasterized=style.many(10 * values.size),  # a cell takes as much as ten points
    )  # fmt: skip
    axes.invert_yaxis()
    colours = style.group_colours(histories.group_of.values())
    axes.set_yticks(np.arange(len(layers)), layers, fontsize=8)
    for label, group in zip(axes.get_yticklabels(), histories.group_of.values(), strict=True):
        label.set_color(colours[group])
    style.epoch_axis(axes, histories, colour="white")
    axes.set_title(f"Mean change of each layer per epoch: {heading}", fontsize=10)
    bar = figure.colorbar(mesh, ax=axes, label="relative weight change")
    if norm:
        style.plain_numbers(bar.ax.yaxis)
    return figure


def accuracy_and_loss(histories: Histories, heading: str) -> Figure:
    """Draw means over the seeds with a band of one standard deviation to each side."""
    figure = style.new_figure(width=10, height=4)
    panels = figure.subplots(1, 2)
    table = over_seeds(histories.scalars)
    for axes, kind, label in zip(panels, ("acc", "loss"), ("accuracy, %", "cross-entropy"), strict=True):
        for part, (colour, line) in PARTS.items():
            rows = table[table["metric"] == f"{part}_{kind}"]
            if rows.empty:
                continue
            axes.plot(
                rows["epoch"],
                rows["mean"],
                line,
                color=colour,
                label=part,
                marker=style.marker(histories),
                markersize=3,
            )
            low, high = rows["mean"] - rows["std"], rows["mean"] + rows["std"]
            axes.fill_between(rows["epoch"], low, high, color=colour, alpha=0.2, linewidth=0)
        axes.set_ylabel(label)
        style.open_axes(axes)
        style.epoch_axis(axes, histories)
        axes.legend(frameon=False)
    spread = " and one standard deviation" if len(histories.seeds) > 1 else ""
    figure.suptitle(f"{heading}: mean{spread}; train: of the batches as they were trained on", fontsize=10)
    return figure


def _panels(histories: Histories) -> Iterator[tuple[str, list[str]]]:
    """Yield the groups drawn together, as in the paper: up to three in one figure, more in neighbouring pairs."""
    groups = list(dict.fromkeys(group for group in histories.group_of.values() if group))
    if len(groups) > 3:
        yield from (("_".join(pair), list(pair)) for pair in pairwise(groups))
    elif groups:
        yield "_".join(groups), groups


def _finish(axes: Axes, histories: Histories, title: str) -> None:
    style.log_axis(axes, RWC_LABEL)
    style.open_axes(axes)
    style.epoch_axis(axes, histories)
    axes.set_title(f"{title}\n{curves.HOW_TO_READ}", fontsize=10)
