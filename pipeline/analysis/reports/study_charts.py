"""The line charts of a study's report."""

from collections.abc import Iterator

import numpy as np

from pipeline.analysis.figures import equilibrium_figure, study_figures
from pipeline.analysis.figures.style import Numbers
from pipeline.analysis.reports.colours import shades
from pipeline.analysis.reports.line_charts import LOW, Chart, layers_chart, line_chart
from pipeline.analysis.reports.lines import Curve
from pipeline.analysis.statistics import Histories
from pipeline.analysis.study_tables import HALF, REMAINING

SCORES = {"acc": ("Accuracy", "percent of the images"), "loss": ("Loss", "cross-entropy")}


def change_chart(histories: Histories) -> Chart:
    return layers_chart(histories, "rwc", study_figures.RWC_LABEL)


def score_charts(histories: Histories) -> dict[str, Chart]:
    """Return the charts of accuracy and of loss, by name."""
    return {name: _scores(histories, kind, label) for kind, (name, label) in SCORES.items()}


def level_charts(histories: Histories) -> Iterator[Chart]:
    """Yield step angle, if it was measured, and RWC of the layers that have levels, in multiples of these."""
    layers = histories.layers_with_level
    for metric, label in equilibrium_figure.LABELS.items():
        if layers and metric in histories.measurements:
            level = histories.levels.set_index("layer")[metric][layers[0]]
            yield layers_chart(
                histories,
                metric,
                label,
                layers=layers,
                unit=level,
                levels=_level(histories, "the level"),
                height=LOW,
            )


def straightness_chart(histories: Histories) -> Chart | None:
    if "straightness" not in histories.measurements:
        return None
    return layers_chart(
        histories, "straightness", "straightness of an epoch", levels=_level(histories, "a random walk")
    )


def remaining_chart(histories: Histories) -> Chart | None:
    if REMAINING not in histories.measurements:
        return None
    label = "distance to the final weights / initial distance"
    return layers_chart(histories, REMAINING, label, levels=_level(histories, "half way", HALF), log=False)


def _scores(histories: Histories, kind: str, label: str) -> Chart:
    shape = len(histories.seeds), histories.last_epoch
    curves = []
    for part, (colour, line) in study_figures.PARTS.items():
        rows = histories.scalars[histories.scalars["metric"] == f"{part}_{kind}"]
        if len(rows):
            values = np.full(shape, np.nan)
            values[np.searchsorted(histories.seeds, rows["seed"]), rows["epoch"] - 1] = rows["value"]
            means = rows.groupby("epoch")["value"].mean().reindex(range(1, shape[1] + 1)).to_numpy()
            curves.append(Curve(part, "", means, values, shades(colour, 1)[0], dashed=line != "-"))
    return line_chart(histories, curves, label, {}, log=False, height=LOW)


def _level(histories: Histories, name: str, level: float = 1) -> dict[str, Numbers]:
    return {name: np.full(histories.last_epoch, level)}
