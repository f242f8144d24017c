"""Inference from few seeds: Student's t, equivalence, Holm's correction; and from how many seeds on.

`docs/statistics.md` has the simulated rates; tests/pipeline/analysis/test_rates.py measures them.
"""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy  # which imports its statistics where they are first used
from numpy.typing import ArrayLike, NDArray

from pipeline.analysis.averages import MIN_SEEDS, Values, interval

MARGIN = math.log(1.1)  # ratios between 1 / 1.1 and 1.1 count as alike
EFFECTS = ["mean", "lowest", "highest", "low", "high", "p", "alike_p", "beyond_p", "n"]
NO_SPREAD = 1e-12  # relative to the values: their rounding


class Effect(NamedTuple):
    """A mean over `n` seeds, the lowest and the highest of them, the mean's 95 % interval, and the p-value of zero.

    Interval and p are NaN for fewer than MIN_SEEDS, and where all seeds have the same value.
    """

    mean: float
    lowest: float
    highest: float
    low: float
    high: float
    p: float
    n: int


def effect(by_seed: Values) -> Effect:
    """Return mean, range, interval and p-value of one number per seed; zero is no effect. NaN values are left out."""
    row = effects(by_seed[:, None]).iloc[0]
    mean, lowest, highest, low, high, p = (float(row[name]) for name in Effect._fields[:-1])
    return Effect(mean, lowest, highest, low, high, p, int(row["n"]))


def effects(values: Values) -> pd.DataFrame:
    """Return a row for each column of seeds x columns: EFFECTS. NaN values are left out.

    `lowest` and `highest` are those of the seeds. Fewer than MIN_SEEDS, and seeds that all have the same value, up to
    rounding, have no test: interval and p-values are NaN.
    """
    found = np.full((len(EFFECTS), values.shape[1]), np.nan)
    patterns, of_column = np.unique(np.isfinite(values), axis=1, return_inverse=True)
    for number, seeds in enumerate(patterns.T):
        columns = np.flatnonzero(of_column.ravel() == number)
        chosen = values[np.ix_(seeds, columns)]
        found[-1, columns] = len(chosen)
        if len(chosen):
            found[:3, columns] = chosen.mean(axis=0), chosen.min(axis=0), chosen.max(axis=0)
        tested = ~all_alike(chosen)
        if len(chosen) >= MIN_SEEDS and tested.any():
            found[3:-1, columns[tested]] = *interval(chosen[:, tested]), *p_values(chosen[:, tested])
    return pd.DataFrame(found.T, columns=EFFECTS).astype({"n": int})


def all_alike(values: Values) -> NDArray[np.bool_]:
    """Return of which columns the values have no spread: there is one at most, or all are equal up to rounding."""
    if len(values) < 2:
        return np.ones(values.shape[1:], dtype=bool)
    return same(values.min(axis=0), values.max(axis=0))


def same(lowest: ArrayLike, highest: ArrayLike) -> NDArray[np.bool_]:
    """Return whether values from lowest to highest are equal up to rounding."""
    least = NO_SPREAD * np.maximum(1.0, np.maximum(np.abs(lowest), np.abs(highest)))
    return np.asarray(np.subtract(highest, lowest) <= least)


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
