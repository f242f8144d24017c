"""Change of layers against their depth: of the layers in groups, of all, and of those of equal size."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis.averages import MIN_SEEDS, Values, mean_of_finite
from pipeline.analysis.inference import all_alike, effects
from pipeline.analysis.ranks import order_p, rank_correlation
from pipeline.analysis.statistics import Histories
from pipeline.analysis.windows import interrupted, mean_logs

COLUMNS = [
    "measured by", "layers", "count", "correlation", "low", "high", "lowest", "highest", "order_p", "ratio",
    "ratio_low", "ratio_high", "ratio_lowest", "ratio_highest", "p", "n", "note",
]  # fmt: skip
CHANGE_METRICS = ("rwc", "rwc_elementwise", "rwc_median", "l2_change", "angular_update", "step_angle")
SHORTCUTS = ("downsample", "shortcut")  # parts of names of layers beside a block
FEWEST_OF_EQUAL_SIZE = 3
IN_GROUPS, ALL = "in groups", "all"
ALL_SEEDS_ALIKE = "all seeds alike"


def layers_in_groups(histories: Histories) -> list[str]:
    """Return the layers that belong to a group, which the paper's figures draw; all where none does."""
    grouped = [layer for layer, group in histories.group_of.items() if group]
    return grouped or list(histories.group_of)


@cache
def depths(layers: tuple[str, ...]) -> Values:
    """Return the depth of each layer, 0 for the first to 1 for the last; a shortcut has the mean depth of its block."""
    block_of = {layer: block for layer in layers if (block := _block_beside(layer, layers))}
    along = [layer for layer in layers if layer not in block_of]
    places = {layer: place / max(1, len(along) - 1) for place, layer in enumerate(along)}
    for shortcut, block in block_of.items():
        places[shortcut] = float(np.mean([places[layer] for layer in along if layer.startswith(block)]))
    return np.array([places[layer] for layer in layers])


def _block_beside(layer: str, layers: Sequence[str]) -> str:
    """Return the beginning of the names of the block that a shortcut bridges; empty for another layer."""
    parts = layer.split(".")
    at = next((place for place, part in enumerate(parts) if part in SHORTCUTS), 0)
    block = "".join(f"{part}." for part in parts[:at])
    along = [other for other in layers if other.startswith(block) and not set(other.split(".")) & set(SHORTCUTS)]
    return block if block and along else ""


def places_of(layers: Sequence[str], histories: Histories) -> NDArray[np.intp]:
    """Return where layers stand among all of the network."""
    chosen = set(layers)
    return np.flatnonzero([layer in chosen for layer in histories.group_of])


def trends(logs: Values, depth: Values) -> Values:
    """Return each seed's log ratio of last to first layer, by least squares against depth; NaN for under two layers.

    `logs` are mean logarithms, seeds x layers; layers without a value are left out in that seed. NaN also for a seed in
    which a layer is interrupted.
    """
    found = np.isfinite(logs)
    weights = found / np.maximum(1, found.sum(axis=1, keepdims=True))
    centred = np.where(found, depth - weights @ depth[:, None], 0.0)
    along = (centred**2).sum(axis=1)
    slopes = (centred * np.where(found, logs, 0.0)).sum(axis=1)
    ratios: Values = np.divide(slopes, along, out=np.full(along.shape, np.nan), where=along > 0)
    return np.where(interrupted(logs), np.nan, ratios)


def correlations(logs: Values, depth: Values) -> Values:
    """Return each seed's Spearman correlation of depth and change, over the layers that changed in it.

    NaN for a seed in which a layer is interrupted.
    """
    found = [rank_correlation(values[known], depth[known]) for values in logs for known in [np.isfinite(values)]]
    return np.where(interrupted(logs), np.nan, np.array(found))


def order_p_of_mean(logs: Values, depth: Values) -> float:
    """Return the p-value of the order of the layers' means over the seeds, with layers as units; NaN for few seeds."""
    counted = logs[~interrupted(logs)]
    if len(counted) < MIN_SEEDS:
        return np.nan
    means = mean_of_finite(counted, axis=0)
    found = np.isfinite(means)
    return order_p(means[found], depth[found])


def depth_table(histories: Histories) -> pd.DataFrame:
    """Return correlation and trend with depth of each measurement of change and each set of layers: COLUMNS.

    `correlation` is Spearman's, the mean over the seeds; its interval ends at -1 and 1, where correlations do. `lowest`
    and `highest` are those of the seeds. `order_p` is that of the order of the layers, exact up to 8 of them. `ratio`
    is that of last to first layer on the line of least squares, with interval, range and p over the seeds. Without
    spread, correlations have no interval, and a note.
    """
    rows = []
    for metric in CHANGE_METRICS:
        if metric in histories.layers:
            for name, layers in layer_sets(histories):
                rows.append(_row(histories, metric, name, layers))
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(histories: Histories, metric: str, name: str, layers: Sequence[str]) -> tuple[object, ...]:
    logs, depth = mean_logs(histories, metric)[:, places_of(layers, histories)], depths(tuple(layers))
    correlated = correlations(logs, depth)
    of_order, of_trend = effects(np.stack([correlated, trends(logs, depth)], axis=1)).to_dict("records")
    ends = np.clip([of_order["low"], of_order["high"]], -1, 1)
    known = correlated[np.isfinite(correlated)]
    note = ALL_SEEDS_ALIKE if len(known) > 1 and all_alike(known) else ""
    ratios = np.exp([of_trend[name] for name in ("mean", "low", "high", "lowest", "highest")])
    return (metric, name, len(layers), of_order["mean"], *ends, of_order["lowest"], of_order["highest"],
            order_p_of_mean(logs, depth), *ratios, of_trend["p"], of_trend["n"], note)  # fmt: skip


def layer_sets(histories: Histories) -> Iterator[tuple[str, list[str]]]:
    """Yield the sets of layers by name: those in groups, all, and those in groups of one size, three at least."""
    grouped = layers_in_groups(histories)
    yield IN_GROUPS, grouped
    yield ALL, list(histories.group_of)
    sizes = layer_sizes(histories)
    of_size = {layer: int(sizes[layer]) for layer in grouped if layer in sizes}
    for size, count in Counter(of_size.values()).items():
        if FEWEST_OF_EQUAL_SIZE <= count < len(grouped):
            yield f"of {size:,} weights", [layer for layer in grouped if of_size.get(layer) == size]


def layer_sizes(histories: Histories) -> pd.Series:
    """Return the number of weights of each layer, by layer."""
    sizes = np.fmax.reduce(histories.layers["weights"], axis=(0, 2))  # equal in all seeds and epochs
    return pd.Series(sizes, index=list(histories.group_of)).dropna()
