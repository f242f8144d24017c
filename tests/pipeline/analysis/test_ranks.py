"""Correlations are Spearman's; the p-value of an order counts orders of layers."""

import math

import numpy as np
import pytest
from scipy import stats

from pipeline.analysis.ranks import order_p, rank_correlation


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
