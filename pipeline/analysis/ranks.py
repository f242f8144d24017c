"""The order of layers by depth: its rank correlation with their changes, and how surprising that is."""

import math

import numpy as np
import scipy  # which imports its statistics where they are first used

from pipeline.analysis.averages import Values
from pipeline.analysis.inference import all_alike

PERMUTATIONS = 40_320  # all orders of 8 layers


def rank_correlation(by_layer: Values, depth: Values) -> float:
    """Return Spearman's correlation of one number per layer and its depth.

    NaN for fewer than two layers, or if all values or depths are the same.
    """
    if len(by_layer) < 2 or all_alike(by_layer) or all_alike(depth):
        return math.nan
    return float(scipy.stats.spearmanr(by_layer, depth).statistic)


def order_p(by_layer: Values, depth: Values) -> float:
    """Return the two-sided p-value of Spearman's correlation among all orders of the layers, with layers as units.

    Up to 8 layers all orders are counted, so that 5 layers give at least 2 / 120; beyond, 40,320 random ones are. NaN
    where there is no correlation.
    """
    if math.isnan(rank_correlation(by_layer, depth)):
        return math.nan
    against = scipy.stats.rankdata(depth) - (len(depth) + 1) / 2

    def along(ranks: Values, axis: int = -1) -> Values:
        sums: Values = np.moveaxis(ranks, axis, -1) @ against  # linear in the correlation
        return sums

    tested = scipy.stats.permutation_test(
        (scipy.stats.rankdata(by_layer) - (len(depth) + 1) / 2,), along,
        permutation_type="pairings", vectorized=True, n_resamples=PERMUTATIONS, rng=0,
    )  # fmt: skip
    return float(tested.pvalue)
