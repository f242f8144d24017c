"""Change against depth: correlations over the layers that changed, also where a seed is dead, and ratios of groups."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.analysis.depth import depth_by_seed, depth_table, group_table
from pipeline.analysis.statistics import Histories
from pipeline.analysis.study_tables import write_tables

GROUPS = {"a": "early", "b": "early", "c": "later", "d": ""}


def still(histories: Histories, seed: int, layers: tuple[str, ...]) -> Histories:
    """Return the same with layers of a seed that never change."""
    rows = histories.layers.copy()
    rows.loc[(rows["seed"] == seed) & rows["layer"].isin(layers), "value"] = 0.0
    return Histories(histories.scalars, rows)


def test_a_layer_that_is_still_in_one_seed_counts_in_the_others(histories: Callable[..., Histories]) -> None:
    made = still(histories({0: 2, 1: 2, 7: 2}, GROUPS), 1, ("a", "b"))
    rows = made.layers
    rows.loc[(rows["seed"] == 7) & (rows["layer"] == "a"), "value"] = 99.0
    assert depth_by_seed(made, "rwc") == pytest.approx([1, 1, -0.2])  # ranks 4, 1, 2, 3 in the last


def test_a_seed_with_one_moving_layer_has_no_correlation_and_costs_no_table(
    histories: Callable[..., Histories], tmp_path: Path
) -> None:
    made = still(histories({0: 2, 1: 2, 7: 2}, GROUPS), 1, ("a", "b", "c"))
    by_seed = depth_by_seed(made, "rwc")
    assert math.isnan(by_seed[1])
    assert by_seed[[0, 2]] == pytest.approx(1)
    (n,) = set(depth_table(made)["n"][:1])
    assert n == 2
    write_tables(made, tmp_path, model="AlexNet", dataset="FMNIST")
    assert (tmp_path / "claims.csv").exists()


def test_no_layer_moves_in_every_seed(histories: Callable[..., Histories], tmp_path: Path) -> None:
    made = still(still(histories({0: 2, 1: 2}, GROUPS), 0, ("a", "b", "c")), 1, ("b", "c", "d"))
    assert np.isnan(depth_by_seed(made, "rwc")).all()
    write_tables(made, tmp_path, model="AlexNet", dataset="FMNIST")


def test_the_ratio_of_groups_is_that_of_their_means_of_logarithms(histories: Callable[..., Histories]) -> None:
    table = group_table(histories({0: 1, 1: 1, 7: 1}, GROUPS))
    row = table[table["measured by"] == "rwc"].iloc[0]
    ratios = [(3 + 0.01 * seed) / (1.5 + 0.01 * seed) for seed in (0, 1, 7)]  # a group is the mean of its layers
    assert row["mean"] == pytest.approx(math.exp(np.mean(np.log(ratios))))
    assert row["n"] == 3
