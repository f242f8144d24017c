"""The elementwise form of RWC as a product of measured terms: how layers differ in level, motion, shape and size.

rwc_elementwise = l2_change x (rwc / l2_change) x shape_factor x rest
l2_change       = RWC* x (step_angle / its level) x cancellation        where a layer has levels
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis.averages import Values
from pipeline.analysis.inference import EFFECTS, effects
from pipeline.analysis.paper import ELEMENTWISE
from pipeline.analysis.statistics import Histories
from pipeline.analysis.windows import INTERRUPTED, Window, mean_logs

NEEDED = ("l2_change", "rwc", "shape_factor", ELEMENTWISE)
CHANGE, NORMS, SHAPE, REST = "l2_change", "rwc / l2_change", "shape_factor", "rest"
LEVEL, ANGLE, CANCELLATION = "RWC*", "step_angle / level", "cancellation"  # they sum to that of l2_change
WHOLE = (CHANGE, NORMS, SHAPE, REST)  # they sum to the logarithm of the elementwise form
COLUMNS = ["layer", "group", "term", "mean", "low", "high", "lowest", "highest", "n", "share", "first", "last"]


def log_terms(histories: Histories) -> dict[str, Values]:
    """Return the mean logarithm of each term over the last third of the epochs: seeds x layers, NaN where unknown.

    Nothing for a study that lacks one of NEEDED.
    """
    if not set(NEEDED) <= set(histories.layers):
        return {}
    measured = [*NEEDED, *({"step_angle"} & set(histories.layers))]
    logs = {name: mean_logs(histories, name, Window.LATE) for name in measured}
    logs = {name: np.where(values == INTERRUPTED, np.nan, values) for name, values in logs.items()}
    change = logs["l2_change"]
    terms = {
        ELEMENTWISE: logs[ELEMENTWISE],
        CHANGE: change,
        NORMS: logs["rwc"] - change,
        SHAPE: logs["shape_factor"],
        REST: logs[ELEMENTWISE] - logs["rwc"] - logs["shape_factor"],
    }
    if "step_angle" in logs and histories.layers_with_level:
        levels = histories.levels.set_index("layer").loc[list(histories.group_of)]
        level, angle = (np.log(levels[name].where(levels[name] > 0)).to_numpy() for name in ("rwc", "step_angle"))
        turned = logs["step_angle"] - angle
        terms |= {LEVEL: np.broadcast_to(level, change.shape), ANGLE: turned, CANCELLATION: change - level - turned}
    return terms


def compared_layers(histories: Histories) -> list[str]:
    """Return the layers that are compared: those in groups, as in the paper, or all where there are no groups."""
    grouped = [layer for layer, group in histories.group_of.items() if group]
    return grouped or list(histories.group_of)


def shares(terms: dict[str, Values], chosen: NDArray[np.bool_]) -> dict[str, float]:
    """Return the share of each term of WHOLE in the spread of ln rwc_elementwise over layers: they sum to 1.

    It is the covariance of the means over the seeds, over layers, relative to the variance; NaN without spread.
    """
    means = {name: values[:, chosen].mean(axis=0) for name, values in terms.items()}
    whole = means[ELEMENTWISE] - means[ELEMENTWISE].mean()
    variance = whole @ whole
    return {name: float(whole @ means[name] / variance) if variance > 0 else np.nan for name in WHOLE}


class Contrast(NamedTuple):
    """The terms of the layers that are compared, each as the logarithm of a factor of its mean over these layers.

    `parts` are terms that add up to `whole`, the elementwise form; each is the mean over the seeds.
    """

    layers: list[str]
    parts: dict[str, Values]
    whole: Values
    shares: dict[str, float]


def contrast(histories: Histories) -> Contrast | None:
    """Return the terms of each layer; None where the study lacks terms.

    Where all layers have levels, the motion is given as its two terms that differ between layers.
    """
    terms, layers = log_terms(histories), compared_layers(histories)
    chosen = np.isin(list(histories.group_of), layers)
    means = {name: values[:, chosen].mean(axis=0) for name, values in terms.items()}
    if not terms or not np.isfinite(means[ELEMENTWISE]).all():
        return None
    motion = [ANGLE, CANCELLATION] if np.isfinite(means.get(CANCELLATION, np.nan)).all() else [CHANGE]
    parts = {name: means[name] - means[name].mean() for name in (SHAPE, *motion, NORMS, REST)}
    return Contrast(layers, parts, means[ELEMENTWISE] - means[ELEMENTWISE].mean(), shares(terms, chosen))


def terms_table(histories: Histories) -> pd.DataFrame:
    """Return each term of each layer as a factor, over the last third of the epochs, with its share: COLUMNS."""
    terms = log_terms(histories)
    layers = list(histories.group_of)
    chosen = np.isin(layers, compared_layers(histories))
    share = shares(terms, chosen) if terms else {}
    first, last = Window.LATE.bounds(histories.last_epoch)
    tables = [pd.DataFrame(columns=COLUMNS)]
    for name, values in terms.items():
        found = effects(values)
        ends = [column for column in EFFECTS if column in COLUMNS and column != "n"]
        found[ends] = np.exp(found[ends])
        rows = found.assign(layer=layers, group=list(histories.group_of.values()), term=name, first=first, last=last)
        tables.append(rows.assign(share=np.where(chosen, share.get(name, np.nan), np.nan))[rows["n"] > 0])
    return pd.concat(tables, ignore_index=True)[COLUMNS]
