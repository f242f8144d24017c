"""Scale-invariant layers relative to the level at which SGD with weight decay keeps them in equilibrium."""

from matplotlib.figure import Figure

from pipeline.analysis.figures import curves, style
from pipeline.analysis.statistics import Histories

LABELS = {"step_angle": "angle of one step / its level", "rwc": "RWC / its white-noise reference RWC*"}


def equilibrium_figure(histories: Histories, heading: str) -> Figure:
    """Draw step angle, if it was measured, and RWC of the layers that have levels, in multiples of these."""
    metrics = [metric for metric in LABELS if metric in histories.measurements]
    layers = histories.layers_with_level
    levels = histories.levels.dropna(subset="epoch").iloc[0]
    groups = list(dict.fromkeys(histories.group_of[layer] for layer in layers))
    figure = style.new_figure(width=6 * len(metrics) + 2, height=4.6)
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        curves.draw_layers(axes, histories, groups, metric, layers=layers, unit=levels[metric])
        level = f"{levels[metric]:.3g}" + (" rad" if metric == "step_angle" else "")
        curves.finish(axes, histories, f"{LABELS[metric]} ({level})", reference=1)
        if levels["epoch"] <= histories.last_epoch:
            axes.axvline(levels["epoch"], color="black", linewidth=0.9, linestyle="-.")
    curves.group_legend(panels[-1], histories, groups)
    line = "dash-dotted line" if levels["epoch"] <= histories.last_epoch else "after the end of this study"
    when = f"equilibrium can be expected from epoch {histories.equilibrium_epoch} ({line}); dashed: the level"
    title = f"Scale-invariant layers relative to their equilibrium level: {heading}"
    figure.suptitle(f"{title}\n{when}; {curves.HOW_TO_READ}", fontsize=10)
    return figure
