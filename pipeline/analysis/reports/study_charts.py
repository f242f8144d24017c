"""The line charts of a study's report."""

from collections.abc import Iterator

from pipeline.analysis.averages import mean_of_known
from pipeline.analysis.figures.equilibrium_figure import LABELS, LINEAR
from pipeline.analysis.figures.study_figures import PARTS, RWC_LABEL
from pipeline.analysis.levels import NORM_BALANCE, STRAIGHTNESS, level_of, quantities
from pipeline.analysis.reports.colours import shades
from pipeline.analysis.reports.line_charts import LOW, TALL, Chart, layers_chart, line_chart
from pipeline.analysis.reports.lines import Curve
from pipeline.analysis.statistics import Histories
from pipeline.analysis.study_tables import REMAINING

SCORES = {"acc": ("Accuracy", "percent of the images"), "loss": ("Loss", "cross-entropy")}
BALANCE = {
    NORM_BALANCE: "Do the weights still grow? In equilibrium the balance of the norm is at its level, 0.",
    "l2_change": "Change of an epoch beside RWC*, which it is in equilibrium if steps are independent.",
}
OTHERS = {
    STRAIGHTNESS: "Straightness: distance covered in an epoch, relative to a random walk with steps of that size",
    REMAINING: "Remaining distance to the final weights, relative to that of the initial ones",
    "step_angle": "Angle of one step beside its level",
    "angular_update": "Angle of an epoch beside its level",
    "epoch_cosine": "Cosine of this epoch's change and the last: above its level the layer drifts, at it it diffuses",
    "layer_rotation": "Rotation since initialisation beside its level",
}
OF_ALL_LAYERS = (STRAIGHTNESS, REMAINING)


def change_chart(histories: Histories) -> Chart:
    return layers_chart(histories, histories.layers["rwc"], RWC_LABEL)


def score_charts(histories: Histories) -> dict[str, Chart]:
    """Return the charts of accuracy and of loss, by name."""
    return {name: _scores(histories, kind, label) for kind, (name, label) in SCORES.items()}


def balance_charts(histories: Histories) -> dict[str, Chart]:
    """Return the charts that show whether the layers with levels are in equilibrium, by caption."""
    return dict(_beside_levels(histories, BALANCE, LOW))


def other_charts(histories: Histories) -> dict[str, Chart]:
    """Return the charts of other quantities that have levels, by caption."""
    return dict(_beside_levels(histories, OTHERS, TALL))


def _beside_levels(histories: Histories, captions: dict[str, str], height: int) -> Iterator[tuple[str, Chart]]:
    measured, with_level = dict(quantities(histories)), histories.layers_with_level
    for quantity in captions:
        layers = None if quantity in OF_ALL_LAYERS else with_level
        if quantity in measured and (layers is None or layers):
            level = level_of(quantity, histories)
            yield (
                captions[quantity],
                layers_chart(
                    histories,
                    measured[quantity],
                    LABELS[quantity],
                    layers=layers,
                    levels={} if level is None else {"the level of scale-invariant layers": level},
                    log=quantity not in LINEAR,
                    height=height,
                ),
            )


def _scores(histories: Histories, kind: str, label: str) -> Chart:
    curves = []
    for part, (colour, line) in PARTS.items():
        if f"{part}_{kind}" in histories.scalars:
            values = histories.scalars[f"{part}_{kind}"]
            means = mean_of_known(values, axis=0)
            curves.append(Curve(part, "", means, values, shades(colour, 1)[0], dashed=line != "-"))
    return line_chart(histories, curves, label, {}, log=False, height=LOW)
