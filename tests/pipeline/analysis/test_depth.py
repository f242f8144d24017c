"""Change against depth: trends and correlations over the layers that changed, in groups, all, and of equal size."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from models import ARCHITECTURES
from pipeline.analysis.depth import correlations, depth_table, depths, trends
from pipeline.analysis.statistics import Histories
from pipeline.analysis.study_tables import study_tables
from tests.support.measurements import with_layers

GROUPS = {"a": "early", "b": "early", "c": "later", "d": ""}


def without_change(histories: Histories, seed: int, layers: tuple[str, ...]) -> Histories:
    """Return the histories with layers of a seed that never change."""
    unchanged = np.isin([*histories.group_of], layers)
    for metric in histories.layers.keys() - {"weights"}:
        histories.layers[metric][histories.seeds.index(seed), unchanged] = 0.0
    return histories


def row_of(table: pd.DataFrame, layers: str) -> pd.Series:
    return table[(table["measured by"] == "rwc") & (table["layers"] == layers)].iloc[0]


def test_depth_is_the_place_among_the_layers() -> None:
    assert depths(("conv1", "conv2", "conv3")).tolist() == [0, 0.5, 1]
    assert depths(("only",)).tolist() == [0]


def test_a_shortcut_has_the_mean_depth_of_its_block() -> None:
    """The second block of two has a shortcut: 4 places along the blocks, and the mean of the third and fourth."""
    names = ("layer1.0.conv1", "layer1.0.conv2", "layer2.0.conv1", "layer2.0.conv2", "layer2.0.downsample.0")
    assert depths(names).tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1, 5 / 6])
    assert depths(("downsample", "conv")).tolist() == [0, 1], "which bridges no block"


def test_trend_is_the_log_ratio_of_last_to_first_layer_on_a_line() -> None:
    depth = np.array([0.0, 0.25, 0.5, 1.0])
    logs = np.stack([0.3 * depth + 2, 0.3 * depth, np.array([1.0, np.nan, 2.0, np.nan]), np.full(4, np.nan)])
    assert trends(logs, depth)[:3] == pytest.approx([0.3, 0.3, 2.0])
    assert math.isnan(trends(logs, depth)[3])
    noisy = np.array([[0.1, -0.4, 0.3, 0.2]])
    assert trends(noisy, depth) == pytest.approx(np.polyfit(depth, noisy[0], 1)[0])


def test_correlation_of_a_seed_leaves_out_its_unchanged_layers() -> None:
    nan = math.nan
    logs = np.array([[1.0, 2, 3, 4], [nan, nan, 3, 4], [9.0, 1, 2, 3], [nan, nan, nan, 4]])
    found = correlations(logs, np.arange(4.0))
    assert found[:3] == pytest.approx([1, 1, -0.2])  # ranks 4, 1, 2, 3 in the third
    assert math.isnan(found[3])


def test_layers_in_groups_and_all_layers_are_two_lines(histories: Callable[..., Histories]) -> None:
    table = depth_table(histories(dict.fromkeys((0, 1, 2, 5, 7), 3), GROUPS))
    grouped, everything = row_of(table, "in groups"), row_of(table, "all")
    assert (grouped["count"], everything["count"]) == (3, 4)
    assert (grouped["order_p"], everything["order_p"]) == pytest.approx((2 / 6, 2 / 24)), "all orders of layers"
    assert grouped["n"] == 5
    assert grouped["ratio_low"] < grouped["ratio"] < grouped["ratio_high"]


def test_few_seeds_have_ranges_of_correlation_and_ratio_but_neither_interval_nor_p(
    histories: Callable[..., Histories],
) -> None:
    row = row_of(depth_table(histories(dict.fromkeys((0, 1, 2, 7), 3), GROUPS)), "in groups")
    assert row["ratio_lowest"] < row["ratio"] < row["ratio_highest"]
    assert (row["lowest"], row["highest"], row["n"]) == (1, 1, 4)
    assert row[["low", "high", "order_p", "ratio_low", "ratio_high", "p"]].isna().all()


def test_correlations_without_spread_are_all_seeds_alike(histories: Callable[..., Histories]) -> None:
    row = row_of(depth_table(histories({0: 3, 1: 3, 7: 3}, GROUPS)), "in groups")
    assert (row["correlation"], row["note"]) == (1, "all seeds alike")
    assert math.isnan(row["low"])
    one = row_of(depth_table(histories({0: 3}, GROUPS)), "in groups")
    assert one["note"] == "", "one seed is not alike with any other"


def test_layers_of_equal_size_are_a_line_where_there_are_three(histories: Callable[..., Histories]) -> None:
    groups = {"a": "early", "b": "early", "c": "later", "d": "later", "fc": ""}
    made = histories({0: 3, 1: 3}, groups)
    table = depth_table(with_layers(made, weights=np.array([[50.0], *4 * [[2000.0]]])))
    assert set(table["layers"]) == {"in groups", "all", "of 2,000 weights"}
    row = row_of(table, "of 2,000 weights")
    assert row["count"] == 3
    of_seed_0 = np.mean([np.polyfit([0, 0.5, 1], np.log([2 / e, 3 / e, 4 / e]), 1)[0] for e in (2, 3)])
    assert math.log(row["ratio"]) == pytest.approx(of_seed_0, abs=0.01)


def test_equal_sizes_of_the_paper_s_networks() -> None:
    """VGG19's convolutions 10 to 16 have 2,359,296 weights each, and its border of groups runs through them."""
    model = ARCHITECTURES["VGG19"].build(input_channels=3, num_classes=10)
    sizes = [each.weight.numel() for each in model.features if hasattr(each, "weight") and each.weight.ndim == 4]
    assert sizes[9:] == 7 * [2_359_296]
    assert sizes[8] != 2_359_296


def test_tables_are_written_if_few_layers_change(histories: Callable[..., Histories]) -> None:
    one_changed = without_change(histories({0: 2, 1: 2, 7: 2}, GROUPS), 1, ("a", "b", "c"))
    assert row_of(depth_table(one_changed), "all")["n"] == 2, "a line needs two layers"
    none_in_all = without_change(
        without_change(histories({0: 2, 1: 2}, GROUPS), 0, ("a", "b", "c")), 1, ("b", "c", "d")
    )
    tables = study_tables(none_in_all, model="AlexNet", dataset="FMNIST")
    assert len(tables["claims"])
