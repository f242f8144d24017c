"""The tables of a study: each seed's results, layers relative to their levels, half way, undefined measurements."""

import math
from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from pipeline.analysis.statistics import Histories
from pipeline.analysis.study_tables import equilibrium_table, half_way_table, seed_table, undefined_table
from pipeline.tracking.tables import LEVELS

GROUPS = {"conv1": "early", "conv2": "later", "fc": ""}


@pytest.fixture
def study(histories: Callable[..., Histories]) -> Callable[..., Histories]:
    """Return a maker of histories in which every value is epoch / 100, or 0.01 more for seed 7; fc has no level."""

    def make(equilibrium: float, metrics: tuple[str, ...] = ("rwc", "step_angle", "straightness")) -> Histories:
        made = histories({0: 4, 7: 4}, GROUPS)
        rwc = made.measurements["rwc"]
        value = rwc["epoch"] / 100 + 0.01 * (rwc["seed"] == 7)
        layers = pd.concat([rwc.assign(metric=metric, value=value) for metric in metrics])
        rows = [(layer, GROUPS[layer], True, 0.02, 0.5, equilibrium) for layer in ("conv1", "conv2")]
        levels = pd.DataFrame([*rows, ("fc", "", False, math.nan, math.nan, math.nan)], columns=LEVELS)
        return replace(made, layers=layers, levels=levels)

    return make


def means(table: pd.DataFrame, quantity: str) -> dict[str, float]:
    chosen = table[table["quantity"] == quantity]
    return dict(zip(chosen["layer"], chosen["mean"], strict=True))


def test_seed_table_has_last_results_and_total_seconds_of_each_seed(histories: Callable[..., Histories]) -> None:
    first, second = seed_table(histories({7: 1, 0: 3}, GROUPS)).to_dict("records")
    assert (first["seed"], first["epochs"], first["test_acc"], first["highest_test_acc"]) == (0, 3, 53.0, 53.0)
    assert first["seconds"] == 4.5
    assert (second["seed"], second["epochs"], second["test_loss"]) == (7, 1, 9.0)


def test_equilibrium_table_has_means_over_the_epochs_in_equilibrium(study: Callable[..., Histories]) -> None:
    table = equilibrium_table(study(3))
    assert means(table, "step angle / level") == pytest.approx({"conv1": 2.0, "conv2": 2.0})  # 0.035 and 0.045 / 0.02
    assert means(table, "RWC / RWC*") == pytest.approx({"conv1": 0.08, "conv2": 0.08})
    assert means(table, "straightness") == pytest.approx({"conv1": 0.04, "conv2": 0.04, "fc": 0.04})
    assert set(zip(table["first"], table["last"], table["n"], strict=True)) == {(3, 4, 2)}
    assert table.iloc[0][["low", "high"]].tolist() == pytest.approx([1.75, 2.25])


def test_equilibrium_table_of_a_short_study_takes_the_last_epoch(study: Callable[..., Histories]) -> None:
    table = equilibrium_table(study(77))
    assert set(zip(table["first"], table["last"], strict=True)) == {(4, 4)}


def test_equilibrium_table_is_empty_without_levels_and_steps(histories: Callable[..., Histories]) -> None:
    assert equilibrium_table(histories({0: 2}, GROUPS)).empty


def test_half_way_is_the_first_snapshot_within_half_of_the_distance(study: Callable[..., Histories]) -> None:
    made = study(2, ("rwc", "remaining_distance"))
    remaining = {(0, 1): 0.9, (0, 2): 0.5, (0, 3): 0.2, (7, 1): 0.8, (7, 2): 0.6, (7, 3): 0.3}
    layers = made.layers[(made.layers["metric"] == "rwc") | (made.layers["epoch"] <= 3)].copy()
    layers["value"] = [
        row.value if row.metric == "rwc" else math.nan if row.layer == "fc" else remaining[row.seed, row.epoch]
        for row in layers.itertuples()
    ]
    made = replace(made, layers=layers)
    table = half_way_table(made).set_index("layer")
    assert table.loc["conv1", ["epoch", "n"]].tolist() == [2.5, 2]
    assert table.loc["fc", "n"] == 0
    (row,) = undefined_table(made).to_dict("records")
    assert row == {
        "metric": "remaining_distance", "layer": "fc", "times": 6, "why": "the layer ended where it started"
    }  # fmt: skip
