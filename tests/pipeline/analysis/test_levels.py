"""Levels are those of a simulated walk in equilibrium, and layers are beside them in the late epochs."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.levels import LEVELS, Clock, decay_of, equilibrium_table, level_of, levels_by_seed, norm_balance
from pipeline.analysis.statistics import Histories
from pipeline.measure.equilibrium import white_noise_rwc
from pipeline.tracking.tables import LEVELS as LEVEL_COLUMNS
from tests.support.measurements import with_layers

GROUPS = {"conv1": "early", "conv2": "later", "fc": ""}
X = 0.3
EPOCHS = np.arange(1.0, 7)
RWC = math.sqrt(2 * (1 - math.exp(-X)))


@pytest.fixture
def study(histories: Callable[..., Histories]) -> Callable[..., Histories]:
    """Return a maker of histories with levels for two layers, in which measurements have given values."""

    def make(last_of_7: int = 6, **by_metric: object) -> Histories:
        made = with_layers(histories({0: 6, 7: last_of_7}, GROUPS), **by_metric)
        rows = [(layer, GROUPS[layer], True, 0.02, RWC, 40) for layer in ("conv1", "conv2")]
        levels = pd.DataFrame([*rows, ("fc", "", False, math.nan, math.nan, math.nan)], columns=LEVEL_COLUMNS)
        return replace(made, levels=levels)

    return make


@pytest.fixture(scope="module")
def walk() -> np.ndarray:
    """Weights of a stationary walk on a sphere at the ends of 12 epochs: each keeps exp(-X) of the last."""
    draws = np.random.default_rng(0)
    kept, epochs = math.exp(-X), [draws.standard_normal(200_000)]
    for _epoch in range(12):
        fresh = draws.standard_normal(200_000)
        epochs.append(kept * epochs[-1] + math.sqrt(1 - kept**2) * fresh)
    return np.stack(epochs)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_levels_are_those_of_a_stationary_walk(walk: np.ndarray) -> None:
    clock = Clock(np.arange(1.0, 13), X)
    level = {name: compute(clock) for name, compute in LEVELS.items()}
    before, after = walk[4], walk[5]
    change = after - before
    assert np.linalg.norm(change) / np.linalg.norm(before) == pytest.approx(level["l2_change"][4], rel=0.01)
    assert math.acos(cosine(before, after)) == pytest.approx(level["angular_update"][4], rel=0.01)
    assert 1 - cosine(walk[0], walk[7]) == pytest.approx(level["layer_rotation"][6], rel=0.01)
    assert cosine(change, walk[4] - walk[3]) == pytest.approx(level["epoch_cosine"][4], abs=0.01)
    assert math.isnan(level["epoch_cosine"][0])
    distance = np.linalg.norm(walk - walk[12], axis=1) / np.linalg.norm(walk[0] - walk[12])
    assert distance[1:] == pytest.approx(level["remaining_distance"], abs=0.01)
    assert math.log(after @ after) - math.log(before @ before) == pytest.approx(level["norm_balance"][4], abs=0.01)


def test_straightness_of_noise_in_equilibrium_is_that_of_small_steps() -> None:
    """Displacement over that of a walk without decay: x of small steps has the squared length 2 x."""
    level = LEVELS["straightness"](Clock(np.ones(1), X))[0]
    assert level == pytest.approx(RWC / math.sqrt(2 * X))


def test_x_is_that_of_the_level_of_rwc(study: Callable[..., Histories]) -> None:
    made = study()
    assert decay_of(made) == pytest.approx(X)
    assert level_of("step_angle", made).tolist() == 6 * [0.02]
    assert level_of("rwc", made) is None, "it is a ratio of 1-norms"
    assert decay_of(replace(made, levels=made.levels.assign(rwc=math.nan))) is None


def test_norm_balance_is_minus_1_under_decay_alone_and_0_in_equilibrium(study: Callable[..., Histories]) -> None:
    made = study(weight_norm=np.exp(-X * EPOCHS * np.array([[1], [0], [0]])))
    balance = norm_balance(made)
    assert np.isnan(balance[:, :, 0]).all()
    assert balance[:, 0, 1:] == pytest.approx(-1)
    assert balance[:, 1, 1:] == pytest.approx(0)
    table = equilibrium_table(made).drop_duplicates("layer").set_index("layer")
    assert table["equilibrium"].to_dict() == {"conv1": "no", "conv2": "yes"}


def test_layers_are_beside_their_levels_in_the_last_third(study: Callable[..., Histories]) -> None:
    change = EPOCHS / 100 + np.array([0, 0.01])[:, None, None]
    made = study(l2_change=change, layer_rotation=EPOCHS / 10, straightness=0.7)
    table = equilibrium_table(made).set_index(["quantity", "layer"])
    change = table.loc["l2_change", "conv1"]
    assert (change["mean"], change["level"]) == pytest.approx((0.06, RWC))
    assert (change["first"], change["last"], change["n"], change["equilibrium"]) == (5, 6, 2, "")
    rotation = table.loc["layer_rotation", "conv2"]
    assert rotation["level"] == pytest.approx(np.mean([1 - math.exp(-X * epoch) for epoch in (5, 6)]))
    assert (change["lowest"], change["highest"]) == pytest.approx((0.055, 0.065))
    assert math.isnan(change["low"]), "two seeds have no interval"
    assert table.loc["straightness", "fc"]["level"] == 1
    assert ("l2_change", "fc") not in table.index, "it is not scale-invariant"
    assert "rwc" not in table.index.get_level_values("quantity")


def test_levels_of_snapshots_are_those_of_the_epochs_that_have_one(study: Callable[..., Histories]) -> None:
    """Of the last third of 6 epochs only epoch 5 has a snapshot."""
    made = study(remaining_distance=np.array([0.9, 0.8, 0.7, math.nan, 0.4, math.nan]))
    row = equilibrium_table(made).set_index(["quantity", "layer"]).loc["remaining_distance", "conv1"]
    expected = math.sqrt((1 - math.exp(-X)) / (1 - math.exp(-6 * X)))
    assert (row["mean"], row["level"]) == pytest.approx((0.4, expected))


def test_table_is_empty_without_levels_and_steps(histories: Callable[..., Histories]) -> None:
    assert equilibrium_table(histories({0: 2}, GROUPS)).empty


def test_levels_that_change_with_time_are_those_of_each_seed_s_epochs(study: Callable[..., Histories]) -> None:
    """Seed 0 runs 6 epochs, seed 7 runs 3: the last thirds are epochs 5 to 6 and epoch 3."""
    made = study(3, layer_rotation=1 - np.exp(-X * EPOCHS))
    row = equilibrium_table(made).set_index(["quantity", "layer"]).loc["layer_rotation", "conv1"]
    assert row["level"] == pytest.approx(row["mean"])
    remaining = levels_by_seed("remaining_distance", made)
    assert remaining[1, 2] == 0, "seed 7 ends at epoch 3"
    assert remaining[0, 2] > 0
    assert np.isnan(remaining[1, 3:]).all()


@pytest.mark.parametrize("x", [1e-17, 1e-9, 400.0])
def test_levels_are_finite_for_any_decay(study: Callable[..., Histories], x: float) -> None:
    made = study(straightness=0.1, weight_norm=0.1)
    rwc = white_noise_rwc(steps=1, lr=x, weight_decay=1)
    made = replace(made, levels=made.levels.assign(rwc=made.levels["rwc"].where(made.levels["rwc"].isna(), rwc)))
    table = equilibrium_table(made).set_index(["quantity", "layer"])
    assert np.isfinite(table["level"]).all()
    if x < 1:
        assert decay_of(made) == pytest.approx(x)
        assert level_of("angular_update", made)[0] == pytest.approx(math.sqrt(2 * x))
        assert table.loc[("straightness", "conv1"), "level"] == pytest.approx(1)


def test_without_weight_decay_there_is_no_level(study: Callable[..., Histories]) -> None:
    made = study(straightness=0.7)
    made = replace(made, levels=made.levels.assign(rwc=made.levels["rwc"].where(made.levels["rwc"].isna(), 0.0)))
    assert decay_of(made) is None
    assert made.layers_with_level == []
    assert set(equilibrium_table(made)["level"]) == {1.0}
