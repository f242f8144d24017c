"""Scale-invariant layers beside the levels that they have in equilibrium, where SGD with weight decay keeps them."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.analysis.figures import curves, style
from pipeline.analysis.figures.style import Numbers
from pipeline.analysis.levels import NORM_BALANCE, level_of, quantities
from pipeline.analysis.statistics import Histories

LABELS = {
    "step_angle": "angle of one step, radians",
    "l2_change": "change of an epoch, 2-norm; level: RWC*",
    "angular_update": "angle of an epoch, radians",
    "layer_rotation": "rotation since initialisation, 1 - cos",
    "epoch_cosine": "cosine of this epoch's change and the last",
    "remaining_distance": "remaining distance",
    "straightness": "straightness of an epoch",
    NORM_BALANCE: "norm balance: growth of ln |w|² / 2x",
}
LINEAR = {"layer_rotation", "epoch_cosine", "remaining_distance", NORM_BALANCE}
PANELS_PER_ROW = 2


def equilibrium_figure(histories: Histories, heading: str) -> Figure:
    """Draw each measured quantity of the layers that have levels, a panel each, with its level as a dashed line."""
    layers = histories.layers_with_level
    groups = list(dict.fromkeys(histories.group_of[layer] for layer in layers))
    measured = list(quantities(histories))
    rows = -(-len(measured) // PANELS_PER_ROW)
    figure = style.new_figure(width=12.5, height=3.6 * rows + 0.8)
    grid = figure.subplots(rows, PANELS_PER_ROW, squeeze=False).ravel()
    for axes, (quantity, values) in zip(grid, measured, strict=False):
        curves.draw_layers(axes, histories, groups, values, layers=layers)
        _draw_level(axes, level_of(quantity, histories))
        curves.finish(axes, histories, LABELS[quantity], log=quantity not in LINEAR)
    for axes in grid[len(measured) :]:
        axes.set_visible(False)
    curves.group_legend(grid[min(PANELS_PER_ROW, len(measured)) - 1], histories, groups)
    title = f"Scale-invariant layers beside their equilibrium levels (dashed): {heading}"
    figure.suptitle(f"{title}\n{curves.HOW_TO_READ}", fontsize=10)
    return figure


def _draw_level(axes: Axes, level: Numbers | None) -> None:
    if level is not None:
        axes.plot(np.arange(1, len(level) + 1), level, "--", color="black", linewidth=1)
