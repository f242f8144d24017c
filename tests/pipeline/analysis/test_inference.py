"""Tests agree with scipy's and are those of five seeds or more; Holm's rule with a worked example."""

import math

import numpy as np
import pytest
from scipy import stats

from pipeline.analysis.inference import (
    MARGIN,
    MIN_SEEDS,
    effect,
    effects,
    holm,
)

SEEDS = np.array([0.12, 0.03, 0.08, -0.02, 0.05])


def test_effect_is_student_s_t_test_of_one_sample() -> None:
    found, theirs = effect(SEEDS), stats.ttest_1samp(SEEDS, 0)
    assert found.mean == pytest.approx(0.052)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval()))
    assert (found.lowest, found.highest) == (-0.02, 0.12)
    assert (found.p, found.n) == (pytest.approx(theirs.pvalue), 5)


@pytest.mark.parametrize("seeds", range(1, MIN_SEEDS))
def test_fewer_than_five_seeds_have_a_range_but_neither_interval_nor_p(seeds: int) -> None:
    row = effects(SEEDS[:seeds, None]).iloc[0]
    assert row[["mean", "lowest", "highest", "n"]].notna().all()
    assert (row["lowest"], row["highest"], row["n"]) == (min(SEEDS[:seeds]), max(SEEDS[:seeds]), seeds)
    assert row[["low", "high", "p", "alike_p", "beyond_p"]].isna().all()


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
    nan = np.full(6, np.nan)
    six = np.array([1.0, 2, 4, 3, 5, 9])
    table = effects(np.stack([six, np.where(six == 2, np.nan, six), nan], axis=1))
    assert table["n"].tolist() == [6, 5, 0]
    assert table["mean"].tolist()[:2] == pytest.approx([4, 4.4])
    assert table["low"][1] == pytest.approx(effect(np.array([1.0, 4, 3, 5, 9])).low)
    assert table.loc[2].drop("n").isna().all()


@pytest.mark.parametrize("values", [[2.0], [2.0] * 5, [0.1 + 0.2, *4 * [0.3]]])
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
