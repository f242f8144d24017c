"""The growth of `rwc_elementwise` with the size of a layer, in a study and in synthetic layers of equal change.

If weights and changes are independent and Gaussian, change / weight is RWC times a standard Cauchy variable. Then
rwc_elementwise / rwc is the mean of n absolute Cauchy values, which has no expectation and grows with ln n.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.analysis.depth import layer_sizes
from pipeline.analysis.figures import style
from pipeline.analysis.figures.style import Numbers
from pipeline.analysis.inference import mean_of_finite
from pipeline.analysis.statistics import Histories
from pipeline.analysis.windows import Window, mean_logs

FORMS = {"rwc": "o", "rwc_elementwise": "^"}
SIZES = np.geomspace(100, 4e6, 24).astype(int)
DRAWS = 20
BAND = (0.25, 0.5, 0.75)


@cache
def synthetic_ratios() -> Numbers:
    """Return rwc_elementwise / rwc of Gaussian layers: draws x SIZES; larger layers contain the smaller ones."""
    generator = np.random.default_rng(0)
    begins = np.concatenate([[0], SIZES[:-1]])
    sums = [np.add.reduceat(np.abs(generator.standard_cauchy(SIZES[-1])), begins) for _draw in range(DRAWS)]
    ratios: Numbers = np.cumsum(sums, axis=1) / SIZES
    return ratios


def change_by_size(histories: Histories) -> pd.DataFrame:
    """Return weights, group and the geometric means of both forms of RWC, by layer; only layers that changed."""
    layers = list(histories.group_of)
    means = {form: np.exp(mean_of_finite(mean_logs(histories, form), axis=0)) for form in FORMS}
    table = pd.DataFrame({"weights": layer_sizes(histories)}).join(pd.DataFrame(means, index=layers)).dropna()
    return table.assign(group=[histories.group_of[str(layer)] for layer in table.index])


def size_bias_figure(histories: Histories, table: pd.DataFrame, heading: str) -> Figure:
    """Draw the table of `change_by_size`: both forms of RWC, and their ratio beside that of synthetic layers."""
    figure = style.new_figure(width=12.5, height=4.8)
    forms, ratios = figure.subplots(1, 2)
    colours = style.group_colours(histories.groups)
    for form, marker in FORMS.items():
        _draw_layers(forms, table, table[form], marker, colours)
        forms.plot([], [], marker, color="black", label=form)
    forms.legend(frameon=False)
    style.log_axis(forms, "change per epoch")
    _draw_layers(ratios, table, table["rwc_elementwise"] / table["rwc"], "o", colours)
    _draw_synthetic(ratios)
    style.log_axis(ratios, "rwc_elementwise / rwc")
    for group in table["group"].unique():
        ratios.plot([], [], "o", color=colours[group], label=group or style.NO_GROUP)
    ratios.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    for axes in (forms, ratios):
        axes.set_xscale("log")
        axes.set_xlabel("weights in the layer")
        style.open_axes(axes)
    read = f"one point per layer: geometric mean over the seeds and {Window.WHOLE.text(histories.last_epoch)}"
    figure.suptitle(f"The elementwise form grows with a layer's size: {heading}\n{read}", fontsize=10)
    return figure


def _draw_layers(axes: Axes, table: pd.DataFrame, values: pd.Series, marker: str, colours: Mapping[str, str]) -> None:
    for group, rows in table.groupby("group", sort=False):
        at = values[rows.index]
        axes.plot(rows["weights"], at, marker, color=colours[str(group)], markersize=6, alpha=0.85, linestyle="none")


def _draw_synthetic(axes: Axes) -> None:
    low, median, high = np.quantile(synthetic_ratios(), BAND, axis=0)
    axes.plot(SIZES, median, "--", color="black", linewidth=1, label="Gaussian layers of equal true change: median")
    half = f"the middle half of {DRAWS} draws"
    axes.fill_between(SIZES, low, high, color="black", alpha=0.12, linewidth=0, label=half)
