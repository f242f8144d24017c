"""The tables of a study: each seed's results, undefined measurements, and the files."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.statistics import Histories
from pipeline.analysis.study_tables import layer_table, seed_table, study_tables, undefined_table, write_tables
from tests.support.measurements import with_layers

GROUPS = {"conv1": "early", "conv2": "later", "fc": ""}


def test_seed_table_has_last_results_and_total_seconds_of_each_seed(histories: Callable[..., Histories]) -> None:
    first, second = seed_table(histories({7: 1, 0: 3}, GROUPS)).to_dict("records")
    assert (first["seed"], first["epochs"], first["test_acc"], first["highest_test_acc"]) == (0, 3, 53.0, 53.0)
    assert first["seconds"] == 4.5
    assert (second["seed"], second["epochs"], second["test_loss"]) == (7, 1, 9.0)


def test_undefined_values_are_counted_with_their_reason(histories: Callable[..., Histories]) -> None:
    made = histories({0: 2, 7: 3}, GROUPS)
    made.layers["rwc"][:, 2] = math.nan
    (row,) = undefined_table(made).to_dict("records")
    why = "all weights were zero before the epoch"
    assert row == {"metric": "rwc", "layer": "fc", "times": 5, "why": why}


def test_layers_have_a_row_for_each_epoch_in_which_they_were_measured(histories: Callable[..., Histories]) -> None:
    """The snapshots of epochs 1 and 3 alone; in epoch 3 all that was measured is undefined, and seed 7 did not run."""
    made = histories({0: 3, 7: 2}, GROUPS)
    made = with_layers(made, snapshots=np.array([0.5, math.nan, 0.25]))
    made.layers["rwc"][0, 1, 2] = math.nan
    table = layer_table(made)
    assert list(table.columns[:4]) == ["epoch", "layer", "group", "metric"]
    assert table["epoch"].is_monotonic_increasing
    first = table[table["epoch"] == 1]
    assert first["metric"].unique().tolist() == [*made.layers]
    rows = first[first["metric"] == "rwc"]
    assert dict(zip(rows["layer"], rows["group"], strict=True)) == GROUPS, "in the order of the network"
    assert rows["mean"].tolist() == pytest.approx([1.035, 2.035, 3.035])
    assert table.loc[table["metric"] == "snapshots", "epoch"].tolist() == [1, 1, 1, 3, 3, 3]
    undefined = table[(table["epoch"] == 3) & (table["metric"] == "rwc")].iloc[1]
    assert (undefined["layer"], undefined["n"]) == ("conv2", 0)
    assert math.isnan(undefined["mean"])


def test_every_table_is_written_under_its_name(histories: Callable[..., Histories], tmp_path: Path) -> None:
    tables = study_tables(histories({0: 2, 7: 3}, GROUPS), model="AlexNet", dataset="FMNIST")
    write_tables(tables, tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == set(tables)
    assert list(pd.read_csv(tmp_path / "claims.csv")["claim"]) == list(tables["claims"]["claim"])
