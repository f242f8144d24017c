"""Averages over seeds, computed by hand; seeds that stopped early count in the epochs that they ran."""

import math

import numpy as np
import pytest
from scipy import stats

from pipeline.analysis.averages import MIN_SEEDS, interval, over_seeds, students_interval, summary

NAN, INF = math.nan, math.inf


def test_over_seeds_has_mean_deviation_and_number_of_seeds_per_epoch() -> None:
    mean, std, n = over_seeds(np.array([[1.0, 5.0], [2.0, NAN], [6.0, NAN]]))
    assert (mean.tolist(), n.tolist()) == ([3.0, 5.0], [3, 1])
    assert std[0] == pytest.approx(math.sqrt(((1 - 3) ** 2 + (2 - 3) ** 2 + (6 - 3) ** 2) / 2))
    assert math.isnan(std[1])


def test_nan_is_left_out_and_not_counted() -> None:
    mean, std, n = over_seeds(np.array([[NAN, NAN], [2.0, NAN]]))
    assert (mean[0], n.tolist()) == (2.0, [1, 0])
    assert np.isnan([mean[1], *std]).all()


def test_an_infinite_value_makes_the_mean_infinite_and_is_in_no_median() -> None:
    found = summary(np.array([[1.0], [3.0], [2.0], [0.5], [4.0], [INF]]))
    assert (found["mean"], found["median"], found["n"]) == (INF, 2.0, 6)
    assert (found["lowest"], found["highest"]) == (0.5, 4.0)
    assert math.isnan(found["std"][0])
    assert found["low"] < 2 < found["high"]


def test_interval_of_curves_is_student_s_of_each_point() -> None:
    values = np.random.default_rng(3).normal(size=(7, 4, 7))
    values[[0, 2], 1, 1] = NAN
    low, high = interval(values)
    assert (low.shape, high.shape) == ((4, 7), (4, 7))
    for layer, epoch, seeds in ((3, 6, range(7)), (1, 1, (1, 3, 4, 5, 6))):
        expected = stats.ttest_1samp(values[list(seeds), layer, epoch], 0).confidence_interval()
        assert (low[layer, epoch], high[layer, epoch]) == pytest.approx(tuple(expected))
    assert np.isnan(students_interval(values[:1])).all()


def test_fewer_than_five_seeds_have_a_range_and_no_interval() -> None:
    values = np.random.default_rng(3).normal(size=(MIN_SEEDS, 2))
    values[1, 1] = NAN
    found = summary(values)
    assert np.isfinite([found["low"][0], found["high"][0]]).all()
    assert np.isnan([found["low"][1], found["high"][1]]).all(), "four seeds have a value"
    assert found["lowest"].tolist() == np.nanmin(values, axis=0).tolist()
    assert found["highest"].tolist() == np.nanmax(values, axis=0).tolist()


@pytest.mark.parametrize("missing", [0, 1, 2, 5, 9, 10])
def test_medians_and_interquartile_means_are_those_of_the_seeds_that_have_a_value(missing: int) -> None:
    """Each column lacks other seeds; from eight seeds on there is an interquartile mean."""
    values = np.random.default_rng(missing).normal(size=(10, 4))
    for column in range(4):
        values[(np.arange(missing) + column) % 10, column] = NAN
    found = summary(values)
    for column, its in enumerate(values.T):
        known = its[np.isfinite(its)]
        expected = np.median(known) if len(known) else NAN, stats.trim_mean(known, 0.25) if len(known) >= 8 else NAN
        assert (found["median"][column], found["iqm"][column]) == pytest.approx(expected, nan_ok=True)
        assert found["n"][column] == 10 - missing


def test_interquartile_mean_leaves_out_the_outer_quarters_of_eight_seeds() -> None:
    assert summary(np.array([[-9.0], [0], [1], [2], [3], [4], [100], [200]]))["iqm"] == 2.5
    assert np.isnan(summary(np.arange(7.0)[:, None])["iqm"]).all()


def test_summary_has_student_s_interval() -> None:
    values = [1.0, 2.0, 6.0, 3.0, 7.0]
    found = summary(np.array([values]).T)
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    assert (found["low"][0], found["high"][0]) == pytest.approx(tuple(expected))
