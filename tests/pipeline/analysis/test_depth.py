"""Change against depth: correlations over the layers that changed, with and without size, and ratios of groups."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.depth import depth_by_seed, depth_table, group_table
from pipeline.analysis.statistics import Histories
from pipeline.analysis.study_tables import write_tables

GROUPS = {"a": "early", "b": "early", "c": "later", "d": ""}
CONVS = {"conv1": "early", "conv2": "middle", "conv3": "later", "fc": ""}


def without_change(histories: Histories, seed: int, layers: tuple[str, ...]) -> Histories:
    """Return the histories with layers of a seed that never change."""
    rows = histories.layers.copy()
    unchanged = (rows["seed"] == seed) & rows["layer"].isin(layers) & (rows["metric"] != "weights")
    rows.loc[unchanged, "value"] = 0.0
    return replace(histories, layers=rows)


def test_depth_correlation_of_a_seed_leaves_out_its_unchanged_layers(histories: Callable[..., Histories]) -> None:
    made = without_change(histories({0: 2, 1: 2, 7: 2}, GROUPS), 1, ("a", "b"))
    rows = made.layers
    rows.loc[(rows["seed"] == 7) & (rows["layer"] == "a"), "value"] = 99.0
    assert depth_by_seed(made, "rwc") == pytest.approx([1, 1, -0.2])  # ranks 4, 1, 2, 3 in the last


def test_a_seed_with_one_changed_layer_has_no_correlation_and_tables_are_still_written(
    histories: Callable[..., Histories], tmp_path: Path
) -> None:
    made = without_change(histories({0: 2, 1: 2, 7: 2}, GROUPS), 1, ("a", "b", "c"))
    by_seed = depth_by_seed(made, "rwc")
    assert math.isnan(by_seed[1])
    assert by_seed[[0, 2]] == pytest.approx(1)
    (n,) = set(depth_table(made)["n"][:1])
    assert n == 2
    write_tables(made, tmp_path, model="AlexNet", dataset="FMNIST")
    assert (tmp_path / "claims.csv").exists()


def test_tables_are_written_if_no_layer_changes_in_all_seeds(
    histories: Callable[..., Histories], tmp_path: Path
) -> None:
    made = without_change(without_change(histories({0: 2, 1: 2}, GROUPS), 0, ("a", "b", "c")), 1, ("b", "c", "d"))
    assert np.isnan(depth_by_seed(made, "rwc")).all()
    write_tables(made, tmp_path, model="AlexNet", dataset="FMNIST")


def test_group_ratio_is_the_geometric_mean_over_the_seeds(histories: Callable[..., Histories]) -> None:
    table = group_table(histories({0: 1, 1: 1, 7: 1}, GROUPS))
    row = table[table["measured by"] == "rwc"].iloc[0]
    ratios = [(3 + 0.01 * seed) / (1.5 + 0.01 * seed) for seed in (0, 1, 7)]  # a group is the mean of its layers
    assert row["mean"] == pytest.approx(math.exp(np.mean(np.log(ratios))))
    assert row["n"] == 3


def test_group_ratios_are_paired_by_seed(histories: Callable[..., Histories]) -> None:
    made = histories({0: 2, 1: 2, 7: 2}, CONVS)
    factor = {0: 1.0, 1: 5.0, 7: 25.0}
    layers = made.layers.assign(value=made.layers["value"] - 0.01 * made.layers["seed"])
    layers["value"] *= layers["seed"].map(factor)
    table = group_table(replace(made, layers=layers))
    row = table[(table["measured by"] == "rwc") & (table["what"] == "later / early")].iloc[0]
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((3, 3, 3)), "seeds differ, their ratios do not"
    assert (row["p"], row["n"]) == (2 / 2**3, 3)


def test_depth_correlation_is_given_with_and_without_size(histories: Callable[..., Histories]) -> None:
    made = histories({0: 2, 1: 2, 7: 2}, CONVS)
    rwc = made.measurements["rwc"]
    sizes = rwc.assign(metric="weights")
    sizes["value"] = sizes["layer"].map({"conv1": 10.0, "conv2": 1000.0, "conv3": 10.0, "fc": 1000.0})
    table = depth_table(replace(made, layers=pd.concat([rwc, sizes])))
    means = table[table["measured by"] == "rwc"].set_index("what")["mean"]
    assert means.to_dict() == pytest.approx({"depth": 1, "depth, given ln n": 1})
