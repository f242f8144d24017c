"""Each layer beside its level, over the epochs from which equilibrium can be expected; half of the way."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.distance_left import half_way_table, remaining_distance
from pipeline.analysis.levels import equilibrium_figures, equilibrium_table
from pipeline.analysis.statistics import LEVELS, Histories
from pipeline.analysis.undefined import undefined_table

GROUPS = {"conv1": "early", "conv2": "later", "fc": ""}


def levels(epoch: float) -> pd.DataFrame:
    nan = math.nan
    rows = [("conv1", "early", True, 0.02, 0.5, epoch), ("conv2", "later", True, 0.02, 0.5, epoch)]
    return pd.DataFrame([*rows, ("fc", "", False, nan, nan, nan)], columns=LEVELS)


@pytest.fixture
def study(histories: Callable[..., Histories]) -> Callable[..., Histories]:
    """Return a maker of histories in which every value is epoch / 100, or 0.01 more for seed 7."""

    def make(expected: float, metrics: tuple[str, ...] = ("rwc", "step_angle", "straightness")) -> Histories:
        made = histories({0: 4, 7: 4}, GROUPS)
        one = made.layers[made.layers["metric"] == "rwc"]
        value = one["epoch"] / 100 + 0.01 * (one["seed"] == 7)
        layers = pd.concat([one.assign(metric=metric, value=value) for metric in metrics])
        return Histories(made.scalars, layers, levels(expected))

    return make


def rows(table: pd.DataFrame, quantity: str) -> dict[str, float]:
    chosen = table[table["quantity"] == quantity]
    return dict(zip(chosen["layer"], chosen["mean"], strict=True))


def test_means_over_the_epochs_in_equilibrium(study: Callable[..., Histories]) -> None:
    table = equilibrium_table(study(3))
    assert rows(table, "step angle / level") == pytest.approx({"conv1": 2.0, "conv2": 2.0})  # 0.035 and 0.045 / 0.02
    assert rows(table, "RWC / RWC*") == pytest.approx({"conv1": 0.08, "conv2": 0.08})
    assert rows(table, "straightness") == pytest.approx({"conv1": 0.04, "conv2": 0.04, "fc": 0.04})
    assert set(zip(table["first"], table["last"], table["n"], strict=True)) == {(3, 4, 2)}
    assert table.iloc[0][["low", "high"]].tolist() == pytest.approx([1.75, 2.25])


def test_before_equilibrium_the_last_epoch_counts(study: Callable[..., Histories]) -> None:
    table = equilibrium_table(study(77))
    assert set(zip(table["first"], table["last"], strict=True)) == {(4, 4)}


def test_seeds_without_levels_have_no_lines(histories: Callable[..., Histories]) -> None:
    made = histories({0: 2}, GROUPS)
    assert equilibrium_table(made).empty
    assert list(equilibrium_figures(made, "title")) == []


def test_only_layers_with_a_level_are_drawn_beside_it(study: Callable[..., Histories]) -> None:
    figures = dict(equilibrium_figures(study(2), "title"))
    assert list(figures) == ["equilibrium", "straightness"]
    angle, rwc = figures["equilibrium"].axes
    for axes, level in ((angle, 0.02), (rwc, 0.5)):
        bold = [line for line in axes.lines if len(line.get_xdata()) == 4]
        assert len(bold) == 2
        np.testing.assert_allclose(bold[0].get_ydata(), (np.array([1, 2, 3, 4]) + 0.5) / 100 / level)
        assert [2.0, 2.0] in [list(line.get_xdata()) for line in axes.lines], "from when it can be expected"
    assert "from epoch 2" in figures["equilibrium"].get_suptitle()
    assert len([line for line in figures["straightness"].axes[0].lines if len(line.get_xdata()) == 4]) == 3


def test_half_of_the_way(study: Callable[..., Histories]) -> None:
    made = study(2, ("rwc", "remaining_distance"))
    left = {(0, 1): 0.9, (0, 2): 0.5, (0, 3): 0.2, (7, 1): 0.8, (7, 2): 0.6, (7, 3): 0.3}
    layers = made.layers.copy()
    chosen = (layers["metric"] == "remaining_distance") & (layers["epoch"] <= 3)
    layers = layers[(layers["metric"] == "rwc") | chosen].copy()
    layers["value"] = [
        row.value if row.metric == "rwc" else math.nan if row.layer == "fc" else left[row.seed, row.epoch]
        for row in layers.itertuples()
    ]
    made = Histories(made.scalars, layers)
    table = half_way_table(made).set_index("layer")
    assert table.loc["conv1", ["epoch", "n"]].tolist() == [2.5, 2]
    assert table.loc["fc", "n"] == 0
    bold = [line for line in remaining_distance(made, "title").axes[0].lines if len(line.get_xdata()) == 3]
    assert list(bold[0].get_xdata()) == [1, 2, 3], "epochs without a snapshot are left out"
    (line,) = undefined_table(made).to_dict("records")
    assert line == {
        "metric": "remaining_distance", "layer": "fc", "times": 6, "why": "the layer ended where it started"
    }  # fmt: skip
