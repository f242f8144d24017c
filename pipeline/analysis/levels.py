"""Where each layer stands beside the level that SGD with weight decay keeps it at, and how straight its way is."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.analysis.depth import window
from pipeline.analysis.figures import curves, style
from pipeline.analysis.inference import effect
from pipeline.analysis.statistics import Histories

COLUMNS = ["layer", "group", "scale_invariant", "quantity", "mean", "low", "high", "n", "first", "last"]
LEVEL_OF = {"step_angle": "step angle / level", "rwc": "RWC / RWC*"}
STRAIGHTNESS = "straightness"


def expected_from(histories: Histories) -> int | None:
    """Return the epoch from which equilibrium can be expected; None where no layer has a level."""
    epochs = histories.levels["epoch"].dropna()
    return int(epochs.iloc[0]) if len(epochs) else None


def levelled(histories: Histories) -> list[str]:
    """Return the layers that have levels: the scale-invariant ones, under weight decay."""
    return histories.levels.loc[histories.levels["epoch"].notna(), "layer"].tolist()


def equilibrium_table(histories: Histories) -> pd.DataFrame:
    """Return a line for each layer and quantity, COLUMNS: the mean over the seeds of their means, with its interval.

    The mean of a seed is that over the epochs `first` to `last`: the ones that all seeds ran and from which equilibrium
    can be expected, or the last that all ran where that is later. Seeds older than the levels have no line.
    """
    if histories.levels.empty:
        return pd.DataFrame(columns=COLUMNS)
    last = window(histories)
    first = min(expected_from(histories) or last, last)
    levels = histories.levels.set_index("layer").assign(straightness=1.0)
    rows = []
    for metric, quantity in {**LEVEL_OF, STRAIGHTNESS: STRAIGHTNESS}.items():
        if metric in histories.measurements:
            values = histories.by_seed(metric)[:, :, first - 1 : last].mean(axis=2)
            for by_seed, (layer, level) in zip(values.T, levels[metric].items(), strict=True):
                if np.isfinite(level):
                    mean, low, high, _p, n = effect(by_seed / level)
                    rows.append((layer, quantity, mean, low, high, n, first, last))
    table = pd.DataFrame(rows, columns=["layer", *COLUMNS[3:]])
    return table.merge(histories.levels[COLUMNS[:3]], on="layer", how="left")[COLUMNS]


def equilibrium_figures(histories: Histories, heading: str) -> Iterator[tuple[str, Figure]]:
    """Yield name and figure of what there is: levels of the layers that have any, straightness of all."""
    measured = [metric for metric in LEVEL_OF if metric in histories.measurements]
    if measured and levelled(histories):
        yield "equilibrium", levels_figure(histories, measured, heading)
    if STRAIGHTNESS in histories.measurements:
        yield STRAIGHTNESS, straightness_figure(histories, heading)


def levels_figure(histories: Histories, measured: list[str], heading: str) -> Figure:
    """Draw step angle and RWC of the layers that have levels, in units of these."""
    figure = style.new_figure(width=6 * len(measured) + 2, height=4.6)
    layers = levelled(histories)
    levels = histories.levels.dropna(subset="epoch").iloc[0]
    groups = list(dict.fromkeys(histories.group_of[layer] for layer in layers))
    panels = figure.subplots(1, len(measured), squeeze=False)[0]
    for axes, metric in zip(panels, measured, strict=True):
        curves.draw_layers(axes, histories, groups, metric, layers=layers, over=levels[metric])
        level = f"{levels[metric]:.3g}" + (" rad" if metric == "step_angle" else "")
        name = {"step_angle": "angle of one step / its level", "rwc": "RWC / its white-noise reference RWC*"}[metric]
        _finish(axes, histories, f"{name} ({level})")
        _mark_expected(axes, histories)
    curves.group_legend(panels[-1], histories, groups)
    figure.suptitle(f"Scale-invariant layers beside equilibrium: {heading}\n{_when(histories)}", fontsize=10)
    return figure


def straightness_figure(histories: Histories, heading: str) -> Figure:
    """Draw how far each layer came in an epoch over how far a random walk of its steps would have come."""
    figure = style.new_figure()
    axes = figure.subplots()
    groups = list(dict.fromkeys(histories.group_of.values()))
    curves.draw_layers(axes, histories, groups, STRAIGHTNESS)
    _finish(axes, histories, "straightness of an epoch (random walk: 1)")
    curves.group_legend(axes, histories, groups)
    said = "above 1 the steps of an epoch go one way, below 1 they cancel"
    axes.set_title(f"How straight each layer's way is: {heading}\n{said}\n{curves.HOW_TO_READ}", fontsize=10)
    return figure


def _finish(axes: Axes, histories: Histories, label: str) -> None:
    axes.axhline(1, color="black", linewidth=0.9, linestyle="--")
    style.log_axis(axes, label)
    style.open_axes(axes)
    style.epoch_axis(axes, histories)


def _mark_expected(axes: Axes, histories: Histories) -> None:
    epoch = expected_from(histories)
    if epoch is not None and epoch <= max(histories.last_epochs.values()):
        axes.axvline(epoch, color="black", linewidth=0.9, linestyle="-.")


def _when(histories: Histories) -> str:
    epoch, last = expected_from(histories), max(histories.last_epochs.values())
    line = "dash-dotted line" if epoch is not None and epoch <= last else "beyond this study"
    return f"equilibrium can be expected from epoch {epoch} ({line}); dashed: the level; {curves.HOW_TO_READ}"
