"""Change of layers against their depth, with and without the effect of their size, and ratios between groups."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis.inference import depth_correlation, effect
from pipeline.analysis.statistics import Histories, group_means

COLUMNS = ["measured by", "what", "mean", "low", "high", "p", "n"]
CHANGE_METRICS = ("rwc", "rwc_elementwise", "l2_change", "angular_update", "step_angle")


def mean_logs(histories: Histories, metric: str, by: str, last: int | None = None) -> pd.DataFrame:
    """Return the mean logarithm of the positive values of each seed: seeds x layers or groups, in depth order.

    `by` is "layer" or "group". Epochs are 1 to `last`, by default those that all seeds ran.
    """
    rows = histories.measurements[metric]
    layers = rows[rows["epoch"] <= (last or histories.last_common_epoch)]
    table = layers if by == "layer" else group_means(layers, metric)
    positive = table[table["value"] > 0]
    logs = positive.assign(value=np.log(positive["value"]))
    means = logs.groupby(["seed", by], sort=False, observed=True)["value"].mean().unstack()
    return means[[name for name in dict.fromkeys(table[by]) if name in means]]


def layer_sizes(histories: Histories) -> pd.Series:
    """Return the number of weights of each layer, by layer."""
    return histories.measurements["weights"].drop_duplicates("layer").set_index("layer")["value"]


def depth_by_seed(histories: Histories, metric: str, *, given_size: bool = False) -> NDArray[np.float64]:
    """Return each seed's Spearman correlation of depth and change, over the layers that changed in that seed.

    With `given_size` it is the partial correlation given the number of weights.
    """
    correlations, sizes = [], layer_sizes(histories)
    for _seed, means in mean_logs(histories, metric, "layer").iterrows():
        changed = means.dropna()
        given = sizes.reindex(changed.index).to_numpy() if given_size else None
        correlations.append(depth_correlation(changed.to_numpy(), given))
    return np.array(correlations)


def depth_table(histories: Histories) -> pd.DataFrame:
    """Return the correlation with depth over the seeds, raw and given size, of each measurement of change: COLUMNS."""
    rows = []
    for metric in CHANGE_METRICS:
        if metric in histories.measurements:
            rows.append((metric, "depth", *effect(depth_by_seed(histories, metric))))
            rows.append((metric, "depth, given ln n", *effect(depth_by_seed(histories, metric, given_size=True))))
    return pd.DataFrame(rows, columns=COLUMNS)


def group_table(histories: Histories) -> pd.DataFrame:
    """Return the ratio deeper / shallower of the changes of each pair of groups, paired by seed: COLUMNS."""
    rows = []
    for metric in CHANGE_METRICS:
        if metric not in histories.measurements:
            continue
        means = mean_logs(histories, metric, "group")
        for first, shallower in enumerate(means.columns):
            for deeper in means.columns[first + 1 :]:
                found = effect((means[deeper] - means[shallower]).to_numpy())
                ratios = np.exp([found.mean, found.low, found.high])
                rows.append((metric, f"{deeper} / {shallower}", *ratios, found.p, found.n))
    return pd.DataFrame(rows, columns=COLUMNS)
