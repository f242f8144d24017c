"""Intervals cover as often as documented, p-values are exact, and correlations are Spearman's."""

import math

import numpy as np
import pytest
from scipy import stats

from pipeline.analysis.inference import depth_correlation, effect, interquartile_mean, interval, sign_flip_p


@pytest.mark.parametrize(("seeds", "documented"), [(3, 0.75), (5, 0.84), (10, 0.90), (20, 0.92)])
def test_interval_covers_the_mean_as_often_as_documented(seeds: int, documented: float) -> None:
    """Of 4,000 simulated studies, seeds from a normal distribution: two standard errors are 0.014 at the most."""
    low, high = interval(np.random.default_rng(1).normal(size=(seeds, 4000)))
    assert ((low <= 0) & (high >= 0)).mean() == pytest.approx(documented, abs=0.02)  # the report states 1 minus this


def test_interval_agrees_with_scipy_s_percentile_bootstrap() -> None:
    values = np.random.default_rng(2).exponential(size=8)
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=20_000, rng=0).confidence_interval
    ours = interval(values)
    assert [float(end) for end in ours] == pytest.approx([theirs.low, theirs.high], abs=0.03 * values.std())


def test_interval_of_a_column_does_not_depend_on_other_columns() -> None:
    values = np.random.default_rng(3).normal(size=(5, 3000))
    low, high = interval(values)
    assert (float(low[2999]), float(high[2999])) == pytest.approx(tuple(map(float, interval(values[:, 2999]))))
    assert np.isnan(interval(values[:1])).all()


def test_p_value_counts_all_sign_flips() -> None:
    assert sign_flip_p(np.array([1.0, 2, 3, 4, 5])) == 2 / 2**5
    assert sign_flip_p(np.array([1.0, -1, 2, -2])) == 1
    assert sign_flip_p(np.array([3.0, 1, -2])) == 6 / 2**3  # sums of 2 or more in size, by hand
    assert math.isnan(sign_flip_p(np.array([1.0])))


def test_p_value_of_many_seeds_is_near_the_t_test_s() -> None:
    draws = np.random.default_rng(4)
    assert sign_flip_p(1 + draws.random(40)) == pytest.approx(2e-4)
    values = draws.normal(0.5, size=40)
    assert sign_flip_p(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.01)


def test_effect_leaves_out_nan_and_needs_two_seeds_for_an_interval() -> None:
    found = effect(np.array([1.0, 2.0, np.nan, 3.0]))
    assert (found.mean, found.n, found.p) == (2, 3, 0.25)
    assert 1 <= found.low < 2 < found.high <= 3
    assert effect(np.array([])).n == 0
    assert math.isnan(effect(np.array([1.0])).low)


def test_interquartile_mean_leaves_out_the_outer_quarters() -> None:
    assert interquartile_mean(np.array([[0.0], [1], [2], [3], [100]])) == 2


def test_depth_correlation_is_spearman_s_and_nan_without_differences() -> None:
    values = np.array([0.1, 0.3, 0.2, 0.9])
    assert depth_correlation(values) == pytest.approx(stats.spearmanr(range(4), values).statistic)
    assert math.isnan(depth_correlation(np.ones(4)))
    assert math.isnan(depth_correlation(np.array([])))


def test_partial_correlation_removes_what_the_covariate_explains() -> None:
    draws = np.random.default_rng(4)
    sizes = np.exp(np.arange(12.0) + draws.normal(size=12))
    by_size = np.log(sizes) + 0.01 * draws.normal(size=12)
    assert depth_correlation(by_size) > 0.8
    assert abs(depth_correlation(by_size, sizes)) < 0.5 or math.isnan(depth_correlation(by_size, sizes))
    deep = np.arange(12.0)
    assert depth_correlation(deep, draws.permutation(deep)) > 0.9
