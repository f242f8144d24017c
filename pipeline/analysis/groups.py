"""Ratios of the changes of groups of layers, paired by seed."""

from itertools import combinations

import numpy as np
import pandas as pd

from pipeline.analysis.averages import Values
from pipeline.analysis.depth import CHANGE_METRICS
from pipeline.analysis.inference import effects
from pipeline.analysis.statistics import Histories
from pipeline.analysis.windows import Window, mean_logs, mean_over_layers

COLUMNS = [
    "measured by", "what", "window", "first", "last", "mean", "low", "high", "lowest", "highest", "p", "n"
]  # fmt: skip


def group_logs(logs: Values, histories: Histories) -> dict[str, Values]:
    """Return the mean over each group's layers of `mean_logs`: {group: by seed}, in depth order.

    NaN in a seed in which a layer of the group is interrupted.
    """
    groups = np.array(list(histories.group_of.values()))
    return {group: mean_over_layers(logs[:, groups == group]) for group in histories.groups if group}


def group_ratio(means: dict[str, Values], first: str, second: str) -> Values:
    """Return each seed's log ratio second / first of `group_logs`, which has both."""
    return means[second] - means[first]


def without_groups(histories: Histories, *groups: str) -> str:
    """Return which of the groups no layer belongs to, as a reason; an empty string if there are all."""
    missing = [group for group in groups if group not in histories.groups]
    return f"no layer belongs to {' and '.join(missing)}" if missing else ""


def group_table(histories: Histories) -> pd.DataFrame:
    """Return the ratio deeper / shallower of the changes of each pair of groups, in each window: COLUMNS.

    Each seed gives one ratio, of the groups' geometric means over layers and epochs. `mean` is geometric as well, with
    its interval, and `p` that of a ratio of 1, of five seeds or more; they are of this pair alone, without a correction
    for the others.
    """
    tables = []
    for metric in (metric for metric in CHANGE_METRICS if metric in histories.layers):
        for window in Window:
            tables.append(_ratios(histories, metric, window))
    return pd.concat(tables, ignore_index=True)[COLUMNS]


def _ratios(histories: Histories, metric: str, window: Window) -> pd.DataFrame:
    means = group_logs(mean_logs(histories, metric, window), histories)
    pairs = list(combinations(means, 2))
    by_seed = [group_ratio(means, shallower, deeper) for shallower, deeper in pairs]
    found = effects(np.stack(by_seed, axis=1) if pairs else np.empty((len(histories.seeds), 0)))
    ends = ["mean", "low", "high", "lowest", "highest"]
    found[ends] = np.exp(found[ends])
    first, last = window.bounds(histories.last_epoch)
    names = [f"{deeper} / {shallower}" for shallower, deeper in pairs]
    return found.assign(**{"measured by": metric, "window": window.value, "first": first, "last": last}, what=names)
