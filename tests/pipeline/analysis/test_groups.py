"""Ratios of groups are of geometric means over layers and epochs, paired by seed."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.groups import group_logs, group_table, without_groups
from pipeline.analysis.statistics import Histories
from pipeline.analysis.windows import mean_logs

GROUPS = {"a": "early", "b": "early", "c": "later", "d": ""}


def row_of(table: pd.DataFrame, window: str = "without the first epoch") -> pd.Series:
    return table[(table["measured by"] == "rwc") & (table["window"] == window)].iloc[0]


def test_a_group_is_the_geometric_mean_of_its_layers(histories: Callable[..., Histories]) -> None:
    row = row_of(group_table(histories({0: 2, 1: 2, 7: 2}, GROUPS)))
    shift = [0.01 * seed for seed in (0, 1, 7)]  # at epoch 2, layers change by 1/2, 2/2 and 3/2
    ratios = [(1.5 + each) / math.sqrt((0.5 + each) * (1 + each)) for each in shift]
    assert row["mean"] == pytest.approx(math.exp(np.mean(np.log(ratios))))
    assert (row["lowest"], row["highest"]) == pytest.approx((min(ratios), max(ratios)))
    assert (row["what"], row["n"], row["first"], row["last"]) == ("later / early", 3, 2, 2)


def test_few_seeds_have_a_range_but_neither_interval_nor_p(histories: Callable[..., Histories]) -> None:
    few, five = (row_of(group_table(histories(dict.fromkeys(range(n), 2), GROUPS))) for n in (4, 5))
    assert few["lowest"] < few["mean"] < few["highest"]
    assert few[["low", "high", "p"]].isna().all()
    assert five["low"] < five["mean"] < five["high"]
    assert 0 < five["p"] < 1


def test_one_heavy_layer_does_not_decide_a_group(histories: Callable[..., Histories]) -> None:
    made = histories({0: 2, 1: 2}, GROUPS)
    before = row_of(group_table(made))["mean"]
    made.layers["rwc"][:, 0] *= 1e6
    after = row_of(group_table(made))["mean"]
    assert before / after == pytest.approx(1e3), "the root of a factor in one layer of two"


def test_ratios_are_paired_by_seed(histories: Callable[..., Histories]) -> None:
    made = histories({0: 2, 1: 2, 7: 2}, GROUPS)
    seeds, factors = np.array([[0.0, 1, 7], [1, 5, 25]])[..., None, None]
    made.layers["rwc"][:] = factors * (made.layers["rwc"] - 0.01 * seeds)
    row = row_of(group_table(made))
    assert (row["lowest"], row["highest"]) == pytest.approx(2 * (3 / math.sqrt(2),)), "seeds differ, ratios do not"
    assert math.isnan(row["p"]), "without spread there is no test"


def test_early_and_late_epochs_have_rows_of_their_own(histories: Callable[..., Histories]) -> None:
    table = group_table(histories({0: 30, 1: 30, 7: 12}, GROUPS))
    assert [row_of(table, which)[["first", "last"]].tolist() for which in ("first tenth", "last third")] == [
        [2, 3],
        [21, 30],
    ]


def test_a_group_that_a_network_lacks_is_named(histories: Callable[..., Histories]) -> None:
    made = histories({0: 2, 1: 2}, GROUPS)
    assert list(group_logs(mean_logs(made, "rwc"), made)) == ["early", "later"]
    assert without_groups(made, "early", "later") == ""
    assert without_groups(made, "early", "middle") == "no layer belongs to middle"
