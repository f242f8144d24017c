"""How much a layer's change has to do with its depth, and with its size."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis.inference import depth_correlation, effect
from pipeline.analysis.statistics import Histories, group_means

COLUMNS = ["measured by", "what", "mean", "low", "high", "p", "n"]
CHANGES = ("rwc", "rwc_elementwise", "l2_change", "angular_update", "step_angle")


def window(histories: Histories) -> int:
    """Return the last epoch that all seeds ran: comparisons of seeds use epochs 1 to this one."""
    return min(histories.last_epochs.values())


def log_means(histories: Histories, metric: str, by: str, last: int | None = None) -> pd.DataFrame:
    """Return seeds x layers or groups, in depth order: means of the logarithms of what is above 0.

    They are over the epochs up to `last`, or up to the last that all seeds ran.
    """
    rows = histories.measurements[metric]
    layers = rows[rows["epoch"] <= (last or window(histories))]
    table = layers if by == "layer" else group_means(layers, metric)
    positive = table[table["value"] > 0]
    logs = positive.assign(value=np.log(positive["value"]))
    means = logs.groupby(["seed", by], sort=False, observed=True)["value"].mean().unstack()
    return means[[name for name in dict.fromkeys(table[by]) if name in means]]


def layer_sizes(histories: Histories) -> pd.Series:
    """Return the number of weights of each layer, by layer; empty where it was not measured."""
    rows = histories.layers[histories.layers["metric"] == "weights"]
    return rows.drop_duplicates("layer").set_index("layer")["value"]


def depth_by_seed(histories: Histories, metric: str, *, given_size: bool = False) -> NDArray[np.float64]:
    """Return Spearman's correlation of depth and change for each seed, or that with the ranks of ln n taken out.

    It is over the layers that changed in that seed.
    """
    correlations, sizes = [], layer_sizes(histories)
    for _seed, means in log_means(histories, metric, "layer").iterrows():
        changed = means.dropna()
        given = sizes.reindex(changed.index).to_numpy() if given_size else None
        correlations.append(depth_correlation(changed.to_numpy(), given))
    return np.array(correlations)


def depth_table(histories: Histories) -> pd.DataFrame:
    """Return a line a measurement of change: the correlation with depth over the seeds, raw and given ln n."""
    rows = []
    for metric in CHANGES:
        if (histories.layers["metric"] == metric).any():
            rows.append((metric, "depth", *effect(depth_by_seed(histories, metric))))
            if not layer_sizes(histories).empty:
                rows.append((metric, "depth, given ln n", *effect(depth_by_seed(histories, metric, given_size=True))))
    return pd.DataFrame(rows, columns=COLUMNS)


def group_table(histories: Histories) -> pd.DataFrame:
    """Return a line for each pair of groups: the ratio deeper / shallower of their changes, paired by seed."""
    rows = []
    for metric in CHANGES:
        if not (histories.layers["metric"] == metric).any():
            continue
        means = log_means(histories, metric, "group")
        for first, shallower in enumerate(means.columns):
            for deeper in means.columns[first + 1 :]:
                found = effect((means[deeper] - means[shallower]).to_numpy())
                ratios = np.exp([found.mean, found.low, found.high])
                rows.append((metric, f"{deeper} / {shallower}", *ratios, found.p, found.n))
    return pd.DataFrame(rows, columns=COLUMNS)
