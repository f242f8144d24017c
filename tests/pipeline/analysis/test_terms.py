"""The terms of the elementwise form: they multiply to it, and their shares of the spread sum to 1."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.figures.terms_figure import terms_figure
from pipeline.analysis.statistics import Histories
from pipeline.analysis.terms import WHOLE, terms_table
from pipeline.tracking.tables import LEVELS
from tests.support.measurements import with_layers

GROUPS = {"conv1": "early", "conv2": "later", "conv3": "later", "fc": ""}
FACTORS = {"l2_change": 0.2, "rwc": 0.3, "shape_factor": 5.0, "rwc_elementwise": 3.0, "step_angle": 0.02}


@pytest.fixture
def study(histories: Callable[..., Histories]) -> Histories:
    """Two seeds whose layers have FACTORS, each multiplied by its own; conv2 and conv3 have levels."""
    made = histories({0: 6, 7: 6}, GROUPS)
    draws = np.random.default_rng(0)
    factors = {
        metric: value * np.exp(draws.normal(0, 0.3, made.layers["rwc"].shape)) for metric, value in FACTORS.items()
    }
    has = {"conv2", "conv3"}
    levels = [(layer, group, layer in has, *((0.025, 0.4, 3) if layer in has else (np.nan,) * 3))
              for layer, group in GROUPS.items()]  # fmt: skip
    return replace(with_layers(made, **factors), levels=pd.DataFrame(levels, columns=LEVELS))


def test_terms_multiply_to_the_elementwise_form_and_those_of_the_change_to_the_change(study: Histories) -> None:
    table = terms_table(study).pivot_table(index="layer", columns="term", values="mean")
    assert table[list(WHOLE)].prod(axis=1).to_numpy() == pytest.approx(table["rwc_elementwise"].to_numpy())
    with_level = table.loc[["conv2", "conv3"]]
    parts = with_level[["RWC*", "step_angle / level", "cancellation"]].prod(axis=1)
    assert parts.to_numpy() == pytest.approx(with_level["l2_change"].to_numpy())
    assert with_level["RWC*"].to_numpy() == pytest.approx([0.4, 0.4])
    assert table.loc[["conv1", "fc"], "cancellation"].isna().all()


def test_means_are_geometric_over_the_last_third(study: Histories) -> None:
    row = terms_table(study).set_index(["term", "layer"]).loc[("shape_factor", "conv1")]
    assert (row["first"], row["last"], row["n"]) == (5, 6, 2)
    assert row["mean"] == pytest.approx(np.exp(np.log(study.layers["shape_factor"][:, 0, 4:]).mean()))


def test_shares_of_the_spread_sum_to_1_over_the_layers_in_groups(study: Histories) -> None:
    table = terms_table(study).set_index(["term", "layer"])["share"]
    assert sum(table[(term, "conv1")] for term in WHOLE) == pytest.approx(1)
    assert math.isnan(table[("shape_factor", "fc")])


def test_one_term_that_differs_has_the_whole_share(study: Histories) -> None:
    by_layer = {metric: np.array([[1.0], [2], [4], [1]]) for metric in ("shape_factor", "rwc_elementwise")}
    made = with_layers(study, **{metric: value * by_layer.get(metric, 1) for metric, value in FACTORS.items()})
    share = terms_table(made).set_index(["term", "layer"])["share"]
    assert [share[(term, "conv1")] for term in WHOLE] == pytest.approx([0, 0, 1, 0])


def test_the_figure_has_a_bar_a_term_and_layer_that_meets_its_mark(study: Histories) -> None:
    figure = terms_figure(study, "title")
    assert figure is not None
    (axes,) = figure.axes
    ends = {1: np.zeros(3), -1: np.zeros(3)}
    for bar in axes.patches:
        layer, width = round(bar.get_y() + bar.get_height() / 2), bar.get_width()
        ends[1 if width >= 0 else -1][layer] += width
    marks = next(line for line in axes.lines if line.get_marker() == "D")
    assert ends[1] + ends[-1] == pytest.approx(np.asarray(marks.get_xdata()))
    assert [label.get_text() for label in axes.get_yticklabels()] == ["conv1", "conv2", "conv3"]


def test_a_study_without_the_measurements_has_no_terms(study: Histories) -> None:
    del study.layers["l2_change"]
    assert terms_table(study).empty
    assert terms_figure(study, "title") is None
