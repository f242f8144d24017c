"""The charts of a study's report."""

from collections.abc import Iterator, Mapping

import numpy as np

from pipeline.analysis.averages import mean_of_finite
from pipeline.analysis.figures.equilibrium_figure import LABELS, LINEAR
from pipeline.analysis.figures.study_figures import ELEMENTWISE_LABEL, PARTS, RWC_LABEL
from pipeline.analysis.figures.terms_figure import COLOURS, shares_in_words
from pipeline.analysis.figures.terms_figure import LABELS as LABELS_OF_TERMS
from pipeline.analysis.levels import NORM_BALANCE, STRAIGHTNESS, level_of, quantities
from pipeline.analysis.paper import ELEMENTWISE
from pipeline.analysis.reports.colours import shades
from pipeline.analysis.reports.epoch_charts import epochs_chart, epochs_curve, layers_chart, measured_epochs
from pipeline.analysis.reports.line_charts import LOW, TALL, Chart
from pipeline.analysis.reports.rendering import number
from pipeline.analysis.reports.row_charts import Bar, RowChart, Spot, row_chart
from pipeline.analysis.statistics import Histories
from pipeline.analysis.study_tables import REMAINING
from pipeline.analysis.terms import Contrast, contrast

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
Medians = Mapping[str, tuple[float, float]]


def change_chart(histories: Histories) -> Chart:
    return layers_chart(histories, histories.layers["rwc"], RWC_LABEL)


def elementwise_chart(histories: Histories, paper: Medians) -> Chart | None:
    """Return the chart of the paper's form of RWC, with the medians of the paper's own figures, if it was measured."""
    if ELEMENTWISE not in histories.layers:
        return None
    levels = {
        f"the paper's median of {group}, {median:g}": np.full(histories.last_epoch, median)
        for group, (_low, median) in paper.items()
    }
    return layers_chart(histories, histories.layers[ELEMENTWISE], ELEMENTWISE_LABEL, levels=levels)


def terms_chart(histories: Histories) -> tuple[str, RowChart] | None:
    """Return why layers differ in the paper's form, as shares in words, and a row of stacked terms for each layer."""
    found = contrast(histories)
    if found is None:
        return None
    colours = {name: shades(colour, 1)[0] for name, colour in COLOURS.items() if name in found.parts}
    spots = [_terms(found, place, colours) for place in range(len(found.layers))]
    keys = {LABELS_OF_TERMS[name]: its for name, its in colours.items()}
    label = "factor against the geometric mean of the layers"
    return shares_in_words(found), row_chart(spots, label, log=True, reference=1, keys=keys)


def _terms(found: Contrast, place: int, colours: Mapping[str, tuple[str, str]]) -> Spot:
    """Return the row of a layer: bars from 1 on, those of factors above to the right, those below to the left."""
    ends, bars, nan = {True: 0.0, False: 0.0}, [], np.nan
    for name, values in found.parts.items():
        above = bool(values[place] > 0)
        start, ends[above] = ends[above], ends[above] + values[place]
        told = f"{LABELS_OF_TERMS[name]} x {number(np.exp(values[place]))}"
        bars.append(Bar(np.exp(start), np.exp(ends[above]), colours[name], told))
    whole = f"x {number(np.exp(found.whole[place]))}"
    told = f"{found.layers[place]}: {whole} · {' · '.join(bar.told for bar in bars)}"
    return Spot(found.layers[place], float(np.exp(found.whole[place])), nan, nan, nan, nan, whole, told,
                kind="stacked", bars=bars)  # fmt: skip


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
        if (values := histories.scalars.get(f"{part}_{kind}")) is not None:
            measured = measured_epochs(mean_of_finite(values[:, None], axis=0))
            its = values[:, measured]
            curves.append(epochs_curve(histories, part, "", its, measured, shades(colour, 1)[0], line != "-"))
    return epochs_chart(histories, curves, label, height=LOW)
