"""A measurement of every layer over the epochs: the mean over the seeds bold, each seed thin behind it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from pipeline.analysis.figures import style
from pipeline.analysis.figures.style import Numbers
from pipeline.analysis.statistics import Histories

HOW_TO_READ = "bold: mean of the seeds that ran the epoch; thin: each seed"


def draw_layers(
    axes: Axes,
    histories: Histories,
    groups: Sequence[str],
    metric: str = "rwc",
    *,
    layers: Sequence[str] | None = None,
    over: float = 1,
    named: bool = False,
) -> None:
    """Draw a measurement, divided by `over`, of the layers of some groups, or of those named, group by group.

    Epochs without a value are left out: of some measurements there is one only now and then.
    """
    names, chosen, shades = list(histories.group_of), [], []
    colours = style.group_colours(histories.group_of.values())
    for group in groups:
        members = [
            index
            for index, (layer, its) in enumerate(histories.group_of.items())
            if its == group and (layers is None or layer in layers)
        ]
        chosen += members
        shades += style.shades(colours[group], len(members))
    epochs, means, by_seed = _measured(histories, metric)
    style.thin_lines(axes, epochs, by_seed[:, chosen] / over, shades)
    width = min(1.8, max(1, 60 / len(chosen))) if chosen else 1
    for layer, shade in zip(chosen, shades, strict=True):
        group = histories.group_of[names[layer]]
        axes.plot(
            epochs, means[layer] / over, style.line(group), color=shade, linewidth=width,
            label=f"{group}  {names[layer]}" if named else None, marker=style.marker(histories), markersize=3,
        )  # fmt: skip


def group_legend(axes: Axes, histories: Histories, groups: Sequence[str]) -> None:
    """Name the colours of groups, beside the axes."""
    colours = style.group_colours(histories.group_of.values())
    for group in sorted(groups, key=list(colours).index):
        axes.plot([], [], style.line(group), color=colours[group], linewidth=3, label=group or "outside the groups")
    axes.legend(title="group (dark: shallow, light: deep)", frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def _measured(histories: Histories, metric: str) -> tuple[Numbers, Numbers, Numbers]:
    """Return epochs, means (layers x epochs) and values (seeds x layers x epochs) of epochs that have any."""
    means, by_seed = histories.means(metric), histories.by_seed(metric)
    there = np.flatnonzero(np.isfinite(means).any(axis=0))
    if not len(there):
        there = np.arange(means.shape[1])
    return np.asarray(there + 1, dtype=np.float64), means[:, there], by_seed[:, :, there]
