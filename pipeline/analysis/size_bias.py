"""How `rwc_elementwise` grows with a layer's size at the same true change, beside what a study measured.

Where weights and changes are independent and Gaussian, change / weight is RWC times a standard Cauchy variable. So
rwc_elementwise / rwc is the mean of n absolute Cauchy values, which has no expectation and grows with ln n.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.analysis.depth import layer_sizes, log_means, window
from pipeline.analysis.figures import style
from pipeline.analysis.figures.style import Numbers
from pipeline.analysis.statistics import Histories

FORMS = {"rwc": "o", "rwc_elementwise": "^"}
SIZES = np.geomspace(100, 4e6, 24).astype(int)
DRAWS = 20
BAND = (0.25, 0.5, 0.75)


def has_sizes(histories: Histories) -> bool:
    """Return whether both forms and the number of weights were measured, which they were not in older seeds."""
    return {*FORMS, "weights"} <= set(histories.measurements) and not _by_layer(histories).empty


@cache
def synthetic_ratios() -> Numbers:
    """Return rwc_elementwise / rwc of Gaussian layers: draws x SIZES; small ones are the first elements of large."""
    generator = np.random.default_rng(0)
    starts = np.concatenate([[0], SIZES[:-1]])
    sums = [np.add.reduceat(np.abs(generator.standard_cauchy(SIZES[-1])), starts) for _draw in range(DRAWS)]
    ratios: Numbers = np.cumsum(sums, axis=1) / SIZES
    return ratios


def size_bias(histories: Histories, heading: str) -> Figure:
    """Draw both forms of RWC against the number of weights of each layer, and their ratio beside synthetic layers."""
    table, figure = _by_layer(histories), style.new_figure(width=12.5, height=4.8)
    forms, ratios = figure.subplots(1, 2)
    colours = style.group_colours(histories.group_of.values())
    for form, marker in FORMS.items():
        _draw_layers(forms, table, table[form], marker, colours)
        forms.plot([], [], marker, color="black", label=form)
    forms.legend(frameon=False)
    style.log_axis(forms, "change per epoch")
    _draw_layers(ratios, table, table["rwc_elementwise"] / table["rwc"], "o", colours)
    low, median, high = np.quantile(synthetic_ratios(), BAND, axis=0)
    ratios.plot(SIZES, median, "--", color="black", linewidth=1, label="Gaussian layers of equal true change: median")
    ratios.fill_between(
        SIZES, low, high, color="black", alpha=0.12, linewidth=0, label=f"the middle half of {DRAWS} draws"
    )
    style.log_axis(ratios, "rwc_elementwise / rwc")
    for group in table["group"].unique():
        ratios.plot([], [], "o", color=colours[group], label=group or "outside the groups")
    ratios.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    for axes in (forms, ratios):
        axes.set_xscale("log")
        axes.set_xlabel("weights in the layer")
        style.open_axes(axes)
    told = f"geometric means over epochs 1 to {window(histories)} and seeds, a point a layer"
    figure.suptitle(f"The elementwise form grows with a layer's size: {heading}\n{told}", fontsize=10)
    return figure


def _by_layer(histories: Histories) -> pd.DataFrame:
    """Return weights, group and the geometric means of both forms of each layer that has all of them."""
    means = {form: np.exp(log_means(histories, form, "layer").mean()) for form in FORMS}
    table = pd.DataFrame({"weights": layer_sizes(histories)}).join(pd.DataFrame(means)).dropna()
    return table.assign(group=[histories.group_of[str(layer)] for layer in table.index])


def _draw_layers(axes: Axes, table: pd.DataFrame, values: pd.Series, marker: str, colours: Mapping[str, str]) -> None:
    for group, rows in table.groupby("group", sort=False):
        at = values[rows.index]
        axes.plot(rows["weights"], at, marker, color=colours[str(group)], markersize=6, alpha=0.85, linestyle="none")
