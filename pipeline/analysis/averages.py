"""Averages over the seeds, and their spread, of whole arrays: the first axis is that of the seeds."""

from typing import NamedTuple

import numpy as np
import scipy  # which imports its statistics where they are first used
from numpy.typing import NDArray

Values = NDArray[np.float64]
TAIL = 0.025  # on either side of a 95 % interval
MIN_SEEDS = 5  # the rule of all tables, figures and sentences: fewer have no interval, no p-value and no verdict
FEW_SEEDS = (
    f"Fewer than {MIN_SEEDS} seeds have no interval and no p-value: these would look like a verdict, which so few "
    "cannot carry. The lowest and the highest seed are shown instead."
)
MIN_SEEDS_IQM = 8  # with fewer, the interquartile mean leaves out one seed on either side at most


class OverSeeds(NamedTuple):
    """Mean, standard deviation (n - 1) and number of the seeds' values, each an array."""

    mean: Values
    std: Values
    n: NDArray[np.intp]


def mean_of_known(values: Values, axis: int) -> Values:
    """Return the mean over an axis of the values that are not NaN, NaN where there is none."""
    known = ~np.isnan(values)
    counts, sums = known.sum(axis=axis), np.where(known, values, 0.0).sum(axis=axis)
    means: Values = sums / np.where(counts > 0, counts, np.nan)
    return means


def mean_of_finite(values: Values, axis: int) -> Values:
    """Return the mean over an axis of the values that are finite, NaN where none is."""
    return mean_of_known(np.where(np.isfinite(values), values, np.nan), axis)


def over_seeds(values: Values) -> OverSeeds:
    """Return mean, standard deviation (n - 1; NaN for one seed) and n over the seeds.

    A seed that stopped early counts in the epochs that it ran. NaN values are left out of all three.
    """
    mean, n = mean_of_known(values, axis=0), np.count_nonzero(~np.isnan(values), axis=0)
    with np.errstate(invalid="ignore"):  # infinite values have no deviation
        squares = np.where(np.isnan(values), 0.0, values - mean) ** 2
    return OverSeeds(mean, np.sqrt(squares.sum(axis=0) / np.where(n > 1, n - 1, np.nan)), n)


def interval(values: Values) -> tuple[Values, Values]:
    """Return the ends of `students_interval`, NaN where fewer than MIN_SEEDS have a value."""
    enough = np.count_nonzero(~np.isnan(values), axis=0) >= MIN_SEEDS
    low, high = students_interval(values)
    return np.where(enough, low, np.nan), np.where(enough, high, np.nan)


def students_interval(values: Values) -> tuple[Values, Values]:
    """Return the ends of Student's 95 % interval of the mean over the seeds, without NaN values; NaN for one seed."""
    mean, std, n = over_seeds(values)
    quantiles = scipy.stats.t.ppf(1 - TAIL, np.arange(len(values)))  # by degrees of freedom; NaN for none
    half = quantiles[np.maximum(n - 1, 0)] * std / np.sqrt(n)
    return mean - half, mean + half


def summary(values: Values) -> dict[str, NDArray[np.number]]:
    """Return `over_seeds`, median, interquartile mean (iqm), `interval` (low, high), lowest and highest over the seeds.

    NaN values are left out, and infinite ones of all but the first. Fewer than 8 seeds have no interquartile mean, the
    mean without the lowest and the highest quarter.
    """
    mean, std, n = over_seeds(values)
    finite = np.where(np.isfinite(values), values, np.nan)
    low, high = interval(finite)
    ordered, count = np.sort(finite, axis=0), np.isfinite(finite).sum(axis=0)
    median = _without_ends(ordered, count, (count - 1) // 2)
    iqm = np.where(count < MIN_SEEDS_IQM, np.nan, _without_ends(ordered, count, count // 4))
    lowest, highest = np.fmin.reduce(finite), np.fmax.reduce(finite)
    found = {"mean": mean, "std": std, "median": median, "iqm": iqm, "low": low, "high": high}
    return found | {"lowest": lowest, "highest": highest, "n": n}


def _without_ends(ordered: Values, count: NDArray[np.intp], ends: NDArray[np.intp]) -> Values:
    """Return the mean of the first `count` ordered values without the lowest and the highest `ends`."""
    place = np.arange(len(ordered)).reshape(-1, *(1 for _axis in ordered.shape[1:]))
    return mean_of_known(np.where((place >= ends) & (place < count - ends), ordered, np.nan), axis=0)
