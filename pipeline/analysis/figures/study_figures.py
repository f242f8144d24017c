"""The figures of a study."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import numpy as np
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure

from pipeline.analysis.averages import mean_of_finite
from pipeline.analysis.figures import curves, style
from pipeline.analysis.figures.equilibrium_figure import equilibrium_figure
from pipeline.analysis.figures.terms_figure import terms_figure
from pipeline.analysis.figures.thin_lines import thin_lines
from pipeline.analysis.paper import ELEMENTWISE
from pipeline.analysis.statistics import Histories
from pipeline.analysis.study_tables import REMAINING

LONGEST_NAME = 200  # bytes: a file system takes 255, with what is added
RWC_LABEL = "relative weight change per epoch"
Medians = Mapping[str, tuple[float, float]]
NO_PAPER: Medians = MappingProxyType({})
ELEMENTWISE_LABEL = "mean of |change| / |weight| per epoch (rwc_elementwise)"
LABELS = {"rwc": RWC_LABEL, ELEMENTWISE: ELEMENTWISE_LABEL}
PARTS = {"train": (style.PALETTE[0], "-"), "val": (style.PALETTE[2], "-."), "test": (style.PALETTE[1], "--")}


def write_figures(histories: Histories, folder: Path, *, title: str, asked: int, paper: Medians = NO_PAPER) -> None:
    """Write every figure of a study; `asked` is the number of seeds that the study was asked for.

    `paper` has lower quartile and median of rwc_elementwise in the paper's figure, by group, if it has such a study.
    """
    style.write_all(study_figures(histories, f"{title}, {style.seeds_text(histories.seeds, asked)}", paper), folder)


def study_figures(histories: Histories, heading: str, paper: Medians = NO_PAPER) -> Iterator[tuple[str, Figure]]:
    """Yield name and figure; measurements that the study lacks have no figure."""
    yield "rwc_layers", curves.layers_figure(histories, "rwc", RWC_LABEL, f"How much each layer changes: {heading}")
    for groups in _panels(histories):
        yield _file_name("rwc", groups), groups_figure(histories, groups, heading)
        if ELEMENTWISE in histories.layers:
            yield _file_name(ELEMENTWISE, groups), groups_figure(histories, groups, heading, ELEMENTWISE, paper)
    yield "rwc_heatmap", heat_map(histories, heading)
    if terms := terms_figure(histories, heading):
        yield "terms", terms
    if histories.layers_with_level:
        yield "equilibrium", equilibrium_figure(histories, heading)
    if "straightness" in histories.layers:
        label = "straightness of an epoch (random walk: 1)"
        read = "above 1 the steps of an epoch agree, below 1 they cancel"
        title = f"Straightness of each layer's path: {heading}\n{read}"
        yield "straightness", curves.layers_figure(histories, "straightness", label, title, reference=1)
    if REMAINING in histories.layers:
        label = "distance to the final weights / initial distance"
        title = f"Remaining distance of each layer to its final weights: {heading}"
        yield REMAINING, curves.layers_figure(histories, REMAINING, label, title, log=False)
    yield "accuracy_loss", accuracy_and_loss(histories, heading)


def groups_figure(
    histories: Histories,
    groups: list[str],
    heading: str,
    metric: str = "rwc",
    paper: Medians = NO_PAPER,
) -> Figure:
    """Draw a measurement of the layers of some groups, each named in the legend, and the values of the paper."""
    count = sum(group in groups for group in histories.group_of.values())
    figure = style.new_figure(height=max(5, 0.19 * count + 1))
    axes = figure.subplots()
    curves.draw_layers(axes, histories, groups, histories.layers[metric], named=True)
    for group in [group for group in groups if group in paper]:
        low, median = paper[group]
        colour = style.group_colours(histories.groups)[group]
        axes.axhspan(low, median, color=colour, alpha=0.12, linewidth=0)
        axes.axhline(median, color=colour, linestyle=":", label=f"{group}  in the paper: median {median:g}")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    curves.finish(axes, histories, LABELS[metric])
    read = f"{curves.HOW_TO_READ}\nband: the paper, lower quartile to median" if paper else curves.HOW_TO_READ
    axes.set_title(f"{', '.join(groups)}: {heading}\n{read}", fontsize=10)
    return figure


def heat_map(histories: Histories, heading: str) -> Figure:
    """Draw the mean RWC over the seeds by layer (rows, the first at the top) and epoch (columns)."""
    layers, means = list(histories.group_of), mean_of_finite(histories.layers["rwc"], axis=0)
    values = np.where(means > 0, means, np.nan)
    figure = style.new_figure(height=max(3.5, 0.2 * len(layers) + 1.5))
    axes = figure.subplots()
    finite = values[np.isfinite(values)]
    norm = LogNorm(finite.min(), finite.max()) if finite.size and finite.min() < finite.max() else None
    epochs = np.arange(1, values.shape[1] + 1)
    mesh = axes.pcolormesh(
        epochs, np.arange(len(layers)), values, norm=norm, cmap="cividis", shading="nearest",
        rasterized=style.many(10 * values.size),  # a cell takes as much space as ten points
    )  # fmt: skip
    axes.invert_yaxis()
    colours = style.group_colours(histories.groups)
    axes.set_yticks(np.arange(len(layers)), list(map(style.label, layers)), fontsize=8)
    for label, group in zip(axes.get_yticklabels(), histories.group_of.values(), strict=True):
        label.set_color(colours[group])
    style.epoch_axis(axes, histories, colour="white")
    axes.set_title(f"Mean change of each layer per epoch: {heading}", fontsize=10)
    bar = figure.colorbar(mesh, ax=axes, label="relative weight change")
    if norm:
        style.plain_numbers(bar.ax.yaxis)
    return figure


def accuracy_and_loss(histories: Histories, heading: str) -> Figure:
    """Draw the mean over the seeds of each part of the data, and each seed."""
    figure = style.new_figure(width=10, height=4)
    epochs = np.arange(1.0, histories.last_epoch + 1)
    for axes, kind, label in zip(figure.subplots(1, 2), ("acc", "loss"), ("accuracy, %", "cross-entropy"), strict=True):
        for part, (colour, line) in PARTS.items():
            if (values := histories.scalars.get(f"{part}_{kind}")) is None:
                continue
            thin_lines(axes, epochs, values[:, None], [to_rgb(colour)])
            axes.plot(
                epochs, mean_of_finite(values, axis=0), line, color=colour, label=part,
                marker=style.marker(histories), markersize=3,
            )  # fmt: skip
        curves.finish(axes, histories, label, log=False)
        axes.legend(frameon=False)
    figure.suptitle(f"{heading}\n{curves.HOW_TO_READ}; train: of each batch while it is trained on", fontsize=10)
    return figure


def _file_name(metric: str, groups: Sequence[str]) -> str:
    name = f"{metric}_{'_'.join(groups)}".encode()
    return name.decode() if len(name) <= LONGEST_NAME else f"{metric}_{sha256(name).hexdigest()[:16]}"


def _panels(histories: Histories) -> Iterator[list[str]]:
    """Yield the groups that are drawn together, as in the paper: up to three in one figure, else neighbouring pairs."""
    groups = [group for group in histories.groups if group]
    if len(groups) > 3:
        yield from map(list, pairwise(groups))
    elif groups:
        yield groups
