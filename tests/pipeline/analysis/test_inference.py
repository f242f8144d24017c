"""Tests agree with scipy's, Holm's rule with a worked example, and correlations with Spearman's."""

import math

import numpy as np
import pytest
from scipy import stats

from pipeline.analysis.inference import (
    MARGIN,
    effect,
    effects,
    holm,
    order_p,
    rank_correlation,
)

SEEDS = np.array([0.12, 0.03, 0.08, -0.02, 0.05])


def test_effect_is_student_s_t_test_of_one_sample() -> None:
    found, theirs = effect(SEEDS), stats.ttest_1samp(SEEDS, 0)
    assert found[:3] == pytest.approx((0.052, *theirs.confidence_interval()))
    assert (found.p, found.n) == (pytest.approx(theirs.pvalue), 5)


def test_equivalence_is_the_larger_of_two_one_sided_tests() -> None:
    row = effects(SEEDS[:, None]).iloc[0]
    above = stats.ttest_1samp(SEEDS, -MARGIN, alternative="greater").pvalue
    below = stats.ttest_1samp(SEEDS, MARGIN, alternative="less").pvalue
    assert row["alike_p"] == pytest.approx(max(above, below))
    low, high = stats.ttest_1samp(SEEDS, 0).confidence_interval(0.9)
    assert (row["alike_p"] < 0.05) == (low > -MARGIN and high < MARGIN), "as the 90 % interval says"
    assert (row["lowest"], row["highest"]) == (-0.02, 0.12)


def test_a_mean_within_the_margin_is_not_beyond_it_and_one_far_away_is() -> None:
    near, far = (effects(SEEDS[:, None] + shift).iloc[0]["beyond_p"] for shift in (0.0, -0.5))
    assert near > 0.5
    assert far == pytest.approx(2 * stats.ttest_1samp(SEEDS - 0.5, -MARGIN, alternative="less").pvalue)


def test_effects_leave_out_nan_column_by_column() -> None:
    table = effects(np.array([[1.0, 1.0, np.nan], [2.0, np.nan, np.nan], [4.0, 3.0, np.nan]]))
    assert table["n"].tolist() == [3, 2, 0]
    assert table["mean"].tolist()[:2] == pytest.approx([7 / 3, 2])
    assert table["low"][1] == pytest.approx(effect(np.array([1.0, 3.0])).low)
    assert table.loc[2].drop("n").isna().all()


@pytest.mark.parametrize("values", [[2.0], [2.0, 2.0, 2.0], [0.1 + 0.2, 0.3]])
def test_without_spread_there_is_a_mean_and_no_test(values: list[float]) -> None:
    found = effect(np.array(values))
    assert found.mean == pytest.approx(values[0])
    assert math.isnan(found.low)
    assert math.isnan(found.p)


def test_holm_s_rule_of_a_worked_example() -> None:
    """Holm 1979: 4 p-values are multiplied by 4, 3, 2, 1 from the smallest on, and never decrease."""
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.6, 0.5])).tolist() == [1.0, 1.0]
    assert holm(np.array([])).tolist() == []


def test_rank_correlation_is_spearman_s_and_nan_without_differences() -> None:
    values, depth = np.array([0.1, 0.3, 0.2, 0.9]), np.array([0.0, 0.25, 0.25, 1.0])
    assert rank_correlation(values, depth) == pytest.approx(stats.spearmanr(values, depth).statistic)
    assert math.isnan(rank_correlation(np.ones(4), depth))
    assert math.isnan(rank_correlation(np.array([]), np.array([])))


def test_p_of_an_order_counts_all_orders_of_the_layers() -> None:
    up = np.arange(5.0)
    assert order_p(up, up) == pytest.approx(2 / math.factorial(5))
    assert order_p(np.array([0.0, 2, 1, 3]), np.arange(4.0)) == pytest.approx(8 / math.factorial(4)), "by hand"
    assert order_p(np.arange(8.0), np.arange(8.0)) == pytest.approx(2 / math.factorial(8))
    assert math.isnan(order_p(np.ones(4), np.arange(4.0)))


def test_p_of_the_order_of_many_layers_is_near_spearman_s() -> None:
    values = np.random.default_rng(4).normal(size=20) + np.arange(20) / 15
    expected = stats.spearmanr(values, np.arange(20)).pvalue
    assert order_p(values, np.arange(20.0)) == pytest.approx(expected, abs=0.01)
