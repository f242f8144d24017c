"""The elementwise form of RWC beside the size of layers, and beside the shape factor that explains most of it.

rwc_elementwise = rwc B (1 + what |change| and 1 / |weight| have in common), where B = mean |weight| mean(1 / |weight|)
is measured: it grows with the number of weights, and with how peaked their distribution is.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.analysis.depth import layer_sizes
from pipeline.analysis.figures import style
from pipeline.analysis.inference import mean_of_finite
from pipeline.analysis.statistics import Histories
from pipeline.analysis.windows import Window, mean_logs

FORMS = {"rwc": "o", "rwc_elementwise": "^", "rwc_median": "s"}
NEEDED = ("rwc", "rwc_elementwise", "shape_factor")


def change_by_size(histories: Histories) -> pd.DataFrame:
    """Return weights, group and the geometric means of the forms of RWC and of B, by layer; only layers that changed.

    It is empty for a study without a shape factor.
    """
    layers, measured = list(histories.group_of), [*FORMS, "shape_factor"]
    if not set(NEEDED) <= set(histories.measurements):
        return pd.DataFrame()
    measured = [name for name in measured if name in histories.measurements]
    means = {name: np.exp(mean_of_finite(mean_logs(histories, name), axis=0)) for name in measured}
    table = pd.DataFrame({"weights": layer_sizes(histories)}).join(pd.DataFrame(means, index=layers)).dropna()
    return table.assign(group=[histories.group_of[str(layer)] for layer in table.index])


def size_bias_figure(histories: Histories, table: pd.DataFrame, heading: str) -> Figure:
    """Draw the table of `change_by_size`: the forms of RWC against size, and their ratio against B."""
    figure = style.new_figure(width=12.5, height=4.8)
    forms, ratios = figure.subplots(1, 2)
    colours = style.group_colours(histories.groups)
    for form, marker in FORMS.items():
        if form in table:
            _draw_layers(forms, table["weights"], table[form], table["group"], marker, colours)
            forms.plot([], [], marker, color="black", label=form)
    forms.legend(frameon=False)
    _draw_layers(ratios, table["shape_factor"], table["rwc_elementwise"] / table["rwc"], table["group"], "o", colours)
    ends = [table["shape_factor"].min(), table["shape_factor"].max()]
    ratios.plot(ends, ends, "--", color="black", linewidth=1, label="changes that do not depend on the weights")
    for group in table["group"].unique():
        ratios.plot([], [], "o", color=colours[group], label=group or style.NO_GROUP)
    ratios.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    labels = ("weights in the layer", "change per epoch"), ("shape factor B", "rwc_elementwise / rwc")
    for axes, (across, upwards) in zip((forms, ratios), labels, strict=True):
        axes.set_xscale("log")
        axes.set_xlabel(across)
        style.log_axis(axes, upwards)
        style.open_axes(axes)
    read = f"one point per layer: geometric mean over the seeds and {Window.WHOLE.text(histories.last_epoch)}"
    figure.suptitle(f"The elementwise form contains the shape and size of a layer: {heading}\n{read}", fontsize=10)
    return figure


def _draw_layers(
    axes: Axes, across: pd.Series, values: pd.Series, groups: pd.Series, marker: str, colours: Mapping[str, str]
) -> None:
    for group, its in values.groupby(groups, sort=False):
        colour = colours[str(group)]
        axes.plot(across[its.index], its, marker, color=colour, markersize=6, alpha=0.85, linestyle="none")
