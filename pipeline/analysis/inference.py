"""Inference from few seeds: bootstrap intervals, sign-flip tests, and rank correlation with depth."""

import math
from typing import NamedTuple

import numpy as np
import scipy  # which imports its statistics where they are first used
from numpy.typing import NDArray

Values = NDArray[np.float64]
QUANTILES = (0.025, 0.975)
RESAMPLES = 2000
FLIPS = 9999
BLOCK = 2048  # columns at once, which bounds the memory


class Effect(NamedTuple):
    """A mean over `n` seeds, its 95 % interval (NaN for one seed), and the p-value of no effect."""

    mean: float
    low: float
    high: float
    p: float
    n: int


def interval(values: Values) -> tuple[Values, Values]:
    """Return the ends of the 95 % percentile bootstrap interval of the mean over the first axis, the seeds.

    All columns share the resampled seeds, so the means are one product of matrices; `scipy.stats.bootstrap`, with which
    a test compares it, takes 20 times as long for the curves of a study. Like every bootstrap it is too narrow for few
    seeds: for normal values it covers the mean in 84 % of the cases with 5 seeds, in 92 % with 20
    (tests/pipeline/analysis/test_inference.py).
    """
    seeds, columns = len(values), values.reshape(len(values), -1)
    ends = np.full((2, columns.shape[1]), np.nan)
    if seeds > 1:
        drawn = np.random.default_rng(0).integers(seeds, size=(RESAMPLES, seeds))
        weights = np.stack([np.bincount(draw, minlength=seeds) for draw in drawn]) / seeds
        for first in range(0, columns.shape[1], BLOCK):
            part = slice(first, first + BLOCK)
            ends[:, part] = np.quantile(columns[:, part].T @ weights.T, QUANTILES, axis=1)
    low, high = ends.reshape(2, *values.shape[1:])
    return low, high


def interquartile_mean(values: Values) -> Values:
    """Return the mean over the first axis without the lowest and the highest quarter of the values, rounded down."""
    means: Values = scipy.stats.trim_mean(values, 0.25, axis=0)
    return means


def sign_flip_p(differences: Values) -> float:
    """Return the two-sided p-value of a mean of zero, from flipping the sign of each seed's difference.

    Up to 13 seeds all flips are counted, so the smallest p-value is 2 / 2**n: 0.0625 with 5 seeds. Beyond, FLIPS
    random ones are.
    """
    if len(differences) < 2:
        return math.nan
    tested = scipy.stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", vectorized=True, n_resamples=FLIPS, axis=-1, rng=0
    )
    return float(tested.pvalue)


def effect(by_seed: Values) -> Effect:
    """Return mean, interval and p-value of one number per seed; zero is no effect. NaN values are left out."""
    by_seed = by_seed[np.isfinite(by_seed)]
    if not len(by_seed):
        return Effect(math.nan, math.nan, math.nan, math.nan, 0)
    low, high = interval(by_seed)
    return Effect(float(by_seed.mean()), float(low), float(high), sign_flip_p(by_seed), len(by_seed))


def depth_correlation(by_layer: Values, given: Values | None = None) -> float:
    """Return Spearman's correlation of depth and one number per layer, or the partial one given a covariate.

    NaN for fewer than two layers, or if all values or depths are the same.
    """
    if len(by_layer) < 2:
        return math.nan
    ranks = scipy.stats.rankdata(by_layer)
    depth = np.arange(len(by_layer), dtype=float)
    if given is not None:
        ranks, depth = (_residuals(values, scipy.stats.rankdata(given)) for values in (ranks, depth))
    if np.ptp(ranks) < 1e-9 or np.ptp(depth) < 1e-9:
        return math.nan
    return float(np.corrcoef(ranks, depth)[0, 1])


def _residuals(values: Values, covariate: Values) -> Values:
    line = np.column_stack([np.ones_like(covariate), covariate])
    residuals: Values = values - line @ np.linalg.lstsq(line, values, rcond=None)[0]
    return residuals
