"""Charts of a study over its epochs: a line for each layer, or for each part of the data."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.analysis.averages import mean_of_finite
from pipeline.analysis.figures import style
from pipeline.analysis.figures.style import Numbers
from pipeline.analysis.reports.colours import shades
from pipeline.analysis.reports.line_charts import TALL, Axes, Chart, line_chart, scale_of
from pipeline.analysis.reports.lines import Across, Curve, Indices
from pipeline.analysis.reports.scales import epoch_ticks, of_epochs
from pipeline.analysis.statistics import Histories

EPOCH = "epoch "


def epochs_chart(
    histories: Histories,
    curves: Sequence[Curve],
    label: str,
    *,
    levels: Mapping[str, Numbers] | None = None,
    log: bool = False,
    height: int = TALL,
) -> Chart:
    """Return the chart of curves over the epochs, with the lines of `levels`, by epoch."""
    last, of_levels = histories.last_epoch, levels or {}
    ends = sorted({*histories.last_epochs.values()} - {last})
    axes = Axes(label, "epoch", epoch_ticks(last), [float(of_epochs(end + 0.5, last)) for end in ends])
    every = of_epochs(np.arange(1, last + 1), last)
    return line_chart(
        curves, axes, scale_of(curves, list(of_levels.values()), log=log), height=height,
        levels={name: (every, values) for name, values in of_levels.items()},
    )  # fmt: skip


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
    names = list(histories.group_of)
    curves: list[Curve] = []
    measured = measured_epochs(mean_of_finite(values, axis=0))
    for group, colour in style.group_colours(histories.groups).items():
        of_group = [name for name, its in histories.group_of.items() if its == group]
        members = [name for name in of_group if layers is None or name in layers]
        for name, shade in zip(members, shades(colour, len(members)), strict=True):
            its = values[:, names.index(name)][:, measured]
            curves.append(epochs_curve(histories, name, group or style.NO_GROUP, its, measured, shade, not group))
    return epochs_chart(histories, curves, label, levels=levels, log=log, height=height)


def epochs_curve(
    histories: Histories,
    name: str,
    group: str,
    by_seed: Numbers,
    measured: Indices,
    colours: tuple[str, str],
    dashed: bool,
) -> Curve:
    """Return the curve of a value, seeds x epochs that were measured, which are counted from 0."""
    across = Across(of_epochs(measured + 1, histories.last_epoch), [str(epoch + 1) for epoch in measured], EPOCH)
    return Curve(name, group, across, mean_of_finite(by_seed, axis=0), by_seed, histories.seeds, colours, dashed)


def measured_epochs(means: Numbers) -> Indices:
    """Return the epochs, from 0, in which any line has a value: some measurements are not taken in each."""
    return np.flatnonzero(np.isfinite(means).any(axis=0))
