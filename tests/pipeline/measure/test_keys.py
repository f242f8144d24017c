"""The keys of metrics: those of the seed runs, whoever logs them."""

import math

import pytest
from torch import nn

from pipeline.measure import LayerTracker, as_metrics
from pipeline.measure.keys import group_key, layer_keys

LAYERS = ["conv1", "layer1.0.conv1", "fc"]


def test_a_layer_s_key_has_its_position_from_1_and_its_name() -> None:
    keys = layer_keys(LAYERS)
    assert keys == {"conv1": "rwc/01_conv1", "layer1.0.conv1": "rwc/02_layer1.0.conv1", "fc": "rwc/03_fc"}
    assert group_key("early") == "rwc_group/early"
    assert group_key("early", "rwc_elementwise") == "rwc_elementwise_group/early"


@pytest.mark.parametrize(("layers", "first", "last"), [(99, "01", "99"), (100, "001", "100")])
def test_a_position_has_as_many_digits_as_the_last_needs(layers: int, first: str, last: str) -> None:
    keys = list(layer_keys(f"l{number}" for number in range(layers)).values())
    assert (keys[0], keys[-1]) == (f"rwc/{first}_l0", f"rwc/{last}_l{layers - 1}")


def test_metrics_are_rwc_and_what_else_is_named() -> None:
    measured = {"rwc": {"conv1": 0.5, "fc": 0.25}, "weight_norm": {"conv1": 3.0, "fc": 4.0}, "weights": {"conv1": 9.0}}
    assert as_metrics(measured) == {"rwc/01_conv1": 0.5, "rwc/02_fc": 0.25}
    assert as_metrics(measured, ("rwc", "weight_norm")) == {
        "rwc/01_conv1": 0.5,
        "rwc/02_fc": 0.25,
        "weight_norm/01_conv1": 3.0,
        "weight_norm/02_fc": 4.0,
    }
    assert as_metrics(measured, ()) == {}
    with pytest.raises(KeyError, match="spectral_norm"):
        as_metrics(measured, ["spectral_norm"])


def test_metrics_of_a_tracker_where_a_layer_has_no_value() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    nn.init.zeros_(model[2].weight)
    metrics = as_metrics(LayerTracker(model).epoch_end())
    assert list(metrics) == ["rwc/01_0", "rwc/02_2"]
    assert metrics["rwc/01_0"] == 0
    assert math.isnan(metrics["rwc/02_2"])


def test_keys_of_long_names_are_as_long_as_mlflow_takes_and_differ() -> None:
    deep = ".".join(["block"] * 60)
    layers = [f"{deep}.{end}" for end in ("a", "b")] + [f"{begin}.{deep}" for begin in ("a", "b")] + ["short"]
    keys = layer_keys(layers)
    assert [len(key) for key in keys.values()] == [250, 250, 250, 250, len("rwc/05_short")]
    assert len(set(keys.values())) == 5
    assert keys[layers[0]].startswith("rwc/01_block.block.")
    assert keys[layers[0]].endswith(".block.a")
    groups = [f"{deep} {letter} {deep}" for letter in "ab"]
    assert len(set(map(group_key, groups))) == 2
    assert all(len(group_key(group)) == 250 for group in groups)
    assert group_key("early") == "rwc_group/early"
