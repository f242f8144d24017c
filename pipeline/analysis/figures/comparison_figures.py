"""The figures of a comparison: accuracies next to the paper's, and RWC against depth per model and per data set."""

from collections.abc import Callable, Iterator, Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.analysis.averages import MIN_SEEDS
from pipeline.analysis.comparison import NOT_RUN, Compared
from pipeline.analysis.figures import style
from pipeline.analysis.windows import Window

PANELS_PER_ROW = 2
LABEL_WIDTH = 40  # characters per line


def comparison_figures(studies: Sequence[Compared], accuracies: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """Yield name and figure."""
    yield "accuracies", accuracy_figure(accuracies)
    yield "rwc_by_model", depth_figure(studies, lambda study: study.model)
    yield "rwc_by_dataset", depth_figure(studies, lambda study: study.dataset)


def accuracy_figure(accuracies: pd.DataFrame) -> Figure:
    """Draw mean, range, interval and the paper's value, a row for each study and for each cell of the paper's table."""
    table = accuracies.sort_values(["model", "dataset"], kind="stable", ignore_index=True)
    texts = zip(table["study"].astype(str), table["remarks"].astype(str), strict=True)
    names = ["\n".join(fill(text, LABEL_WIDTH) for text in lines if text) for lines in texts]
    lines = max(name.count("\n") + 1 for name in names)
    figure = style.new_figure(width=9, height=(0.12 * lines + 0.08) * len(table) + 1.6)
    axes = figure.subplots()
    rows = np.arange(len(table))
    axes.plot(table["paper"], rows, "|", color="black", markersize=12, markeredgewidth=2, label="the paper")
    ran = table["remarks"] != NOT_RUN
    of_seeds = table.loc[ran, ["lowest", "highest"]]
    axes.hlines(rows[ran], *of_seeds.to_numpy().T, color=style.GREY, linewidth=1, label="lowest to highest seed")
    mean, low, high = (table.loc[ran, column] for column in ("test_acc", "low", "high"))
    axes.plot(mean, rows[ran], "o", color=style.PALETTE[0], markersize=5, label="mean over the seeds")
    if low.notna().any():
        axes.errorbar(
            mean, rows[ran], xerr=np.abs([mean - low, high - mean]), fmt="none", color=style.PALETTE[0], capsize=3,
            label=f"95 % interval of the mean, from {MIN_SEEDS} seeds on",
        )  # fmt: skip
    axes.set_yticks(rows, names, fontsize=7)
    for text, was_run in zip(axes.get_yticklabels(), ran, strict=True):
        text.set_color("black" if was_run else style.GREY)
    axes.invert_yaxis()
    axes.set_xlabel("test accuracy, %")
    style.open_axes(axes)
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure


def depth_figure(studies: Sequence[Compared], panel_of: Callable[[Compared], str]) -> Figure:
    """Draw the geometric mean of each layer's RWC against relative depth, a panel for each model or data set."""
    panels = panels_of(studies, panel_of)
    columns = min(PANELS_PER_ROW, len(panels))
    rows = -(-len(panels) // columns)
    figure = style.new_figure(width=7 * columns, height=4 * rows + 0.4)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes, (panel, its) in zip(grid, panels.items(), strict=False):
        for index, study in enumerate(its):
            _draw_depth(axes, study, style.PALETTE[index % len(style.PALETTE)])
        axes.set_xlabel("depth (0: first layer, 1: last)")
        style.log_axis(axes, "relative weight change per epoch")
        style.open_axes(axes)
        axes.set_title(panel, fontsize=10)
        axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    figure.suptitle(
        "Geometric mean over the epochs of each seed, without the first\nbold: mean over the seeds; thin: each seed",
        fontsize=10,
    )
    return figure


def panels_of(studies: Sequence[Compared], panel_of: Callable[[Compared], str]) -> dict[str, list[Compared]]:
    """Return the studies of each panel, in their order."""
    panels: dict[str, list[Compared]] = {}
    for study in studies:
        panels.setdefault(panel_of(study), []).append(study)
    return panels


def _draw_depth(axes: Axes, study: Compared, colour: str) -> None:
    depths, _layers, means, by_seed = study.by_depth
    for values in by_seed:
        axes.plot(depths, values, color=colour, linewidth=0.6, alpha=0.5)
    epochs = Window.WHOLE.text(study.histories.last_epoch)
    label = f"{study.label}\n{len(by_seed)} seed{'s' * (len(by_seed) != 1)}, {epochs}"
    axes.plot(depths, means, color=colour, linewidth=1.8, marker="o", markersize=3, label=label)
