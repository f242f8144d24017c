"""A measurement of each layer over the epochs: the mean over the seeds bold, each seed thin behind it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.analysis.averages import mean_of_finite
from pipeline.analysis.figures import style
from pipeline.analysis.figures.line_ends import name_lines
from pipeline.analysis.figures.style import Numbers
from pipeline.analysis.figures.thin_lines import thin_lines
from pipeline.analysis.statistics import Histories

HOW_TO_READ = "bold: mean over the seeds that ran the epoch; thin: each seed"
COLUMNS = 6  # of a legend below the axes


def layers_figure(
    histories: Histories, metric: str, label: str, title: str, *, reference: float | None = None, log: bool = True
) -> Figure:
    """Draw a measurement of all layers in the colours of their groups, and a dashed line at `reference`."""
    figure = style.new_figure()
    axes = figure.subplots()
    lines = draw_layers(axes, histories, histories.groups, histories.layers[metric])
    finish(axes, histories, label, reference=reference, log=log)
    group_legend(axes, histories, histories.groups, below=name_lines(axes, lines))
    axes.set_title(f"{title}\n{HOW_TO_READ}", fontsize=10)
    return figure


def draw_layers(
    axes: Axes,
    histories: Histories,
    groups: Sequence[str],
    values: Numbers,
    *,
    layers: Sequence[str] | None = None,
    named: bool = False,
) -> dict[str, Line2D]:
    """Draw values, seeds x layers x epochs, of the given groups' layers, or of those among `layers`.

    Return the line of each layer's mean. Epochs without a value are left out: some measurements are not taken in each.
    """
    names, chosen, shades = list(histories.group_of), [], []
    colours = style.group_colours(histories.groups)
    for group in groups:
        members = [
            index
            for index, (layer, its) in enumerate(histories.group_of.items())
            if its == group and (layers is None or layer in layers)
        ]
        chosen += members
        shades += style.shades(colours[group], len(members))
    epochs, means, by_seed = _measured(values)
    thin_lines(axes, epochs, by_seed[:, chosen], shades)
    width = min(1.8, max(1, 60 / len(chosen))) if chosen else 1
    lines = {}
    for layer, shade in zip(chosen, shades, strict=True):
        group = histories.group_of[names[layer]]
        (lines[names[layer]],) = axes.plot(
            epochs, means[layer], style.line(group), color=shade, linewidth=width,
            label=f"{group}  {style.label(names[layer])}" if named else None,
            marker=style.marker(histories), markersize=3,
        )  # fmt: skip
    return lines


def finish(axes: Axes, histories: Histories, label: str, *, reference: float | None = None, log: bool = True) -> None:
    """Draw the axes of a measurement over the epochs, and a dashed line at `reference`."""
    if reference is not None:
        axes.axhline(reference, color="black", linewidth=0.9, linestyle="--")
    if log:
        style.log_axis(axes, label)
    else:
        axes.set_ylabel(label)
    style.open_axes(axes)
    style.epoch_axis(axes, histories)


def group_legend(axes: Axes, histories: Histories, groups: Sequence[str], *, below: bool = False) -> None:
    """Draw a legend of the groups' colours beside the axes, or below them where names of lines stand beside."""
    colours = style.group_colours(histories.groups)
    for group in sorted(groups, key=list(colours).index):
        axes.plot([], [], style.line(group), color=colours[group], linewidth=3, label=group or style.NO_GROUP)
    title = "group (dark: shallow, light: deep)"
    if below:
        axes.figure.legend(loc="outside lower center", title=title, frameon=False, ncols=min(len(groups), COLUMNS))
    else:
        axes.legend(title=title, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def _measured(by_seed: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return epochs, means (layers x epochs) and values (seeds x layers x epochs) of epochs that have any."""
    means = mean_of_finite(by_seed, axis=0)
    measured = np.flatnonzero(np.isfinite(means).any(axis=0))
    if not len(measured):
        measured = np.arange(means.shape[1])
    return np.asarray(measured + 1, dtype=np.float64), means[:, measured], by_seed[:, :, measured]
