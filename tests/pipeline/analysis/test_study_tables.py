"""The tables of a study: each seed's results, undefined measurements, and the files."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from pipeline.analysis.statistics import Histories
from pipeline.analysis.study_tables import seed_table, study_tables, undefined_table, write_tables

GROUPS = {"conv1": "early", "conv2": "later", "fc": ""}


def test_seed_table_has_last_results_and_total_seconds_of_each_seed(histories: Callable[..., Histories]) -> None:
    first, second = seed_table(histories({7: 1, 0: 3}, GROUPS)).to_dict("records")
    assert (first["seed"], first["epochs"], first["test_acc"], first["highest_test_acc"]) == (0, 3, 53.0, 53.0)
    assert first["seconds"] == 4.5
    assert (second["seed"], second["epochs"], second["test_loss"]) == (7, 1, 9.0)


def test_undefined_values_are_counted_with_their_reason(histories: Callable[..., Histories]) -> None:
    made = histories({0: 2, 7: 3}, GROUPS)
    still = (made.layers["layer"] == "fc") & (made.layers["metric"] == "rwc")
    layers = made.layers.assign(value=made.layers["value"].where(~still, math.nan))
    (row,) = undefined_table(replace(made, layers=layers)).to_dict("records")
    why = "all weights were zero before the epoch"
    assert row == {"metric": "rwc", "layer": "fc", "times": 5, "why": why}


def test_every_table_is_written_under_its_name(histories: Callable[..., Histories], tmp_path: Path) -> None:
    tables = study_tables(histories({0: 2, 7: 3}, GROUPS), model="AlexNet", dataset="FMNIST")
    write_tables(tables, tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == set(tables)
    assert list(pd.read_csv(tmp_path / "claims.csv")["claim"]) == list(tables["claims"]["claim"])
