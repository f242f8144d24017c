"""A study's layers are drawn at their sizes and shape factors, with the line of changes independent of the weights."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pipeline.analysis.figures.size_bias import change_by_size, size_bias_figure
from pipeline.analysis.statistics import Histories

GROUPS = {"conv1": "early", "conv2": "later", "fc": ""}


@pytest.fixture
def study(histories: Callable[..., Histories]) -> Histories:
    """Return histories whose layers have 100 and 1,000 weights and the shape factors 2, 4 and 6; seed 7 ran longer."""
    made = histories({0: 2, 7: 3}, GROUPS)
    sizes = made.layers["layer"].map({"conv1": 100.0, "conv2": 1000.0, "fc": 1000.0})
    layers = made.layers.assign(value=made.layers["value"].where(made.layers["metric"] != "weights", sizes))
    return replace(made, layers=layers)


def test_points_are_geometric_means_at_their_sizes_and_shape_factors(study: Histories) -> None:
    forms, ratios = size_bias_figure(study, change_by_size(study), "title").axes
    seeds = [np.log(1 / 2), np.mean(np.log([1 / 2 + 0.07, 1 / 3 + 0.07]))]
    first = next(line for line in forms.lines if line.get_marker() == "o")
    assert list(first.get_xdata()) == [100]
    assert first.get_ydata()[0] == pytest.approx(np.exp(np.mean(seeds)))
    of_layers = [line for line in ratios.lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert [line.get_xdata()[0] for line in of_layers] == [2, 4, 6]
    assert [line.get_ydata()[0] for line in of_layers] == pytest.approx([1, 1, 1])
    (dashed,) = [line for line in ratios.lines if line.get_linestyle() == "--"]
    assert list(dashed.get_xdata()) == list(dashed.get_ydata()) == [2, 6]


def test_layers_that_never_change_are_left_out(study: Histories) -> None:
    layers = study.layers.copy()
    layers.loc[(layers["layer"] == "fc") & (layers["metric"] == "rwc"), "value"] = 0.0
    assert list(change_by_size(replace(study, layers=layers)).index) == ["conv1", "conv2"]
    layers.loc[layers["metric"] == "rwc", "value"] = 0.0
    assert change_by_size(replace(study, layers=layers)).empty


def test_a_study_without_shape_factors_has_no_table(histories: Callable[..., Histories]) -> None:
    made = histories({0: 2}, GROUPS)
    assert change_by_size(replace(made, layers=made.layers[made.layers["metric"] != "shape_factor"])).empty
