"""Ratios of synthetic layers are those of Gaussian weights, and a study's layers are drawn at their sizes."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pipeline.analysis.figures.size_bias import SIZES, change_by_size, size_bias_figure, synthetic_ratios
from pipeline.analysis.statistics import Histories

GROUPS = {"conv1": "early", "conv2": "later", "fc": ""}


@pytest.fixture
def study(histories: Callable[..., Histories]) -> Callable[..., Histories]:
    """Return a maker of histories whose layers have the given numbers of weights."""

    def make(*sizes: float) -> Histories:
        made = histories({0: 2, 7: 3}, GROUPS)
        weights = made.layers["layer"].map(dict(zip(GROUPS, sizes, strict=True)))
        values = made.layers["value"].where(made.layers["metric"] != "weights", weights)
        return replace(made, layers=made.layers.assign(value=values))

    return make


@pytest.mark.parametrize(("size", "expected"), [(1728, 0.61), (2_360_000, 0.96)])
def test_medians_of_synthetic_layers_at_a_true_change_of_a_tenth(size: int, expected: float) -> None:
    """Against medians simulated with Gaussian weights and changes."""
    median = np.interp(np.log(size), np.log(SIZES), np.median(synthetic_ratios(), axis=0))
    assert 0.1 * median == pytest.approx(expected, rel=0.12)


def test_synthetic_ratios_are_those_of_gaussian_weights() -> None:
    draws = np.random.default_rng(1)
    weights, changes = draws.standard_normal((2, 400, 100))
    ratios = np.abs(0.1 * changes / weights).mean(axis=1) / (np.abs(0.1 * changes).sum() / np.abs(weights).sum())
    low, high = np.quantile(synthetic_ratios()[:, 0], [0.1, 0.9])
    assert low < np.median(ratios) < high


def test_points_are_drawn_at_size_and_geometric_mean(study: Callable[..., Histories]) -> None:
    made = study(100.0, 1000.0, 1000.0)
    forms, ratios = size_bias_figure(made, change_by_size(made), "title").axes
    points = {marker: [line for line in forms.lines if line.get_marker() == marker and len(line.get_xdata())]
              for marker in ("o", "^")}  # fmt: skip
    first = points["o"][0]
    values = [depth + 0.01 * seed for depth, seed in ((1 / 2, 0), (1 / 2, 0), (1 / 2, 7), (1 / 3, 7))]
    assert list(first.get_xdata()) == [100]
    seeds = np.log(values).reshape(2, 2).mean(axis=1)
    assert first.get_ydata()[0] == pytest.approx(np.exp(seeds.mean()))
    assert len(points["o"]) == len(points["^"]) == 3
    shares = [line for line in ratios.lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert [line.get_ydata()[0] for line in shares] == pytest.approx([1, 1, 1])


def test_layers_that_never_change_are_left_out(study: Callable[..., Histories]) -> None:
    made = study(1.0, 1.0, 1.0)
    layers = made.layers.copy()
    layers.loc[(layers["layer"] == "fc") & (layers["metric"] == "rwc"), "value"] = 0.0
    assert list(change_by_size(replace(made, layers=layers)).index) == ["conv1", "conv2"]
    layers.loc[layers["metric"] == "rwc", "value"] = 0.0
    assert change_by_size(replace(made, layers=layers)).empty
