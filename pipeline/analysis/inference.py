"""Inference from few seeds: Student's t, equivalence, Holm's correction, and permutations of layers.

`docs/statistics.md` has the simulated rates; tests/pipeline/analysis/test_rates.py measures them.
"""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy  # which imports its statistics where they are first used
from numpy.typing import NDArray

from pipeline.analysis.averages import Values, interval

MARGIN = math.log(1.1)  # ratios between 1 / 1.1 and 1.1 count as alike
PERMUTATIONS = 40_320  # all orders of 8 layers
EFFECTS = ["mean", "lowest", "highest", "low", "high", "p", "alike_p", "beyond_p", "n"]
NO_SPREAD = 1e-12  # relative to the values: their rounding


class Effect(NamedTuple):
    """A mean over `n` seeds, its 95 % interval, and the p-value of a mean of zero.

    Interval and p are NaN for one seed, and where all seeds have the same value: without spread there is no test.
    """

    mean: float
    low: float
    high: float
    p: float
    n: int


def effect(by_seed: Values) -> Effect:
    """Return mean, interval and p-value of one number per seed; zero is no effect. NaN values are left out."""
    row = effects(by_seed[:, None]).iloc[0]
    return Effect(row["mean"], row["low"], row["high"], row["p"], int(row["n"]))


def effects(values: Values) -> pd.DataFrame:
    """Return a row for each column of seeds x columns: EFFECTS. NaN values are left out.

    `lowest` and `highest` are those of the seeds. Where all seeds have the same value, up to rounding, there is no
    test: interval and p-values are NaN.
    """
    found = np.full((len(EFFECTS), values.shape[1]), np.nan)
    patterns, of_column = np.unique(np.isfinite(values), axis=1, return_inverse=True)
    for number, seeds in enumerate(patterns.T):
        columns = np.flatnonzero(of_column.ravel() == number)
        chosen = values[np.ix_(seeds, columns)]
        found[-1, columns] = len(chosen)
        if len(chosen):
            found[:3, columns] = chosen.mean(axis=0), chosen.min(axis=0), chosen.max(axis=0)
        differ = ~all_alike(chosen)
        if differ.any():
            found[3:-1, columns[differ]] = *interval(chosen[:, differ]), *p_values(chosen[:, differ])
    return pd.DataFrame(found.T, columns=EFFECTS).astype({"n": int})


def all_alike(values: Values) -> NDArray[np.bool_]:
    """Return of which columns the values have no spread: there is one at most, or all are equal up to rounding."""
    if len(values) < 2:
        return np.ones(values.shape[1:], dtype=bool)
    alike: NDArray[np.bool_] = np.ptp(values, axis=0) <= NO_SPREAD * np.maximum(1.0, np.abs(values).max(axis=0))
    return alike


def p_values(values: Values) -> tuple[Values, Values, Values]:
    """Return p-values of Student's t test for each column of seeds x columns: of zero, and of the two ends of MARGIN.

    The first is two-sided, of a mean of zero. The second is that of equivalence, the larger of two one-sided ones: it
    is below 0.05 where the 90 % interval lies within MARGIN of zero. The third is two-sided, of a mean within MARGIN of
    zero: it is small where the mean lies beyond.
    """
    against = np.array([0.0, -MARGIN, MARGIN])[:, None]
    tested = scipy.stats.ttest_1samp(values[:, None, :], against[None], axis=0)
    half = tested.pvalue / 2
    higher = np.where(tested.statistic > 0, half, 1 - half)  # one-sided: the mean is above
    above_low, above_high = higher[1], higher[2]
    alike = np.maximum(above_low, 1 - above_high)
    beyond = np.minimum(1.0, 2 * np.minimum(above_high, 1 - above_low))
    return tested.pvalue[0], alike, beyond


def holm(p: Values) -> Values:
    """Return the p-values of a family, corrected by Holm's step-down rule, which scipy lacks."""
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


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
