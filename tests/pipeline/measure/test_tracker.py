"""The tracker follows the layers of a model: parameters of two or more dimensions."""

import math

import pytest
import torch
from torch import Tensor, nn

import pipeline.measure.layers as layers_module
from pipeline.measure.measurements import MEASUREMENTS
from pipeline.measure.steps import StepTracker
from pipeline.measure.tracker import LayerTracker
from pipeline.measure.weights import copy_of, layer_weights

OF_WHOLE_LAYERS = {"spectral_norm", "spectral_change", "stable_rank", "rwc_median"}


def scale(model: nn.Module, by: float) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(by)


def linears(*sizes: int) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Linear(size, 4) for size in sizes))


def test_a_layer_is_a_weight_of_two_or_more_dimensions() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
    assert list(layer_weights(model)) == ["0", "2"]


def test_measures_from_call_to_call() -> None:
    model = nn.Linear(2, 2)
    tracker = LayerTracker(nn.Sequential(model), MEASUREMENTS)
    scale(model, 1.5)
    first = tracker.epoch_end()
    assert set(first) == set(MEASUREMENTS)
    assert first["rwc"]["0"] == pytest.approx(0.5)
    assert first["rwc_elementwise"]["0"] == pytest.approx(0.5)
    scale(model, 2)
    assert tracker.epoch_end()["rwc"]["0"] == pytest.approx(1)
    assert tracker.epoch_end()["rwc"]["0"] == 0


def test_measurements_of_layers_as_a_whole_are_taken_by_name_only() -> None:
    assert set(LayerTracker(linears(4)).epoch_end()) == set(MEASUREMENTS) - OF_WHOLE_LAYERS
    assert set(LayerTracker(linears(4), "stable_rank").epoch_end()) == {"stable_rank"}
    with pytest.raises(ValueError, match=r"unknown measurement 'rcw' \(did you mean rwc\?\)"):
        LayerTracker(linears(4), ["rcw"])
    with pytest.raises(ValueError, match="no measurement is named; choose from"):
        LayerTracker(linears(4), [])


@pytest.mark.parametrize(("names", "copies"), [(["rwc", "angular_update"], 1), (["rwc", "layer_rotation"], 2)])
def test_initial_weights_are_copied_only_for_measurements_that_take_them(names: list[str], copies: int) -> None:
    tracker = LayerTracker(linears(4), names)
    assert len(tracker.before) + len(tracker.initial) == copies


def test_initial_weights_are_those_given() -> None:
    model = linears(4, 4)
    initial = copy_of(layer_weights(model))
    scale(model, 3)
    assert LayerTracker(model, initial=initial).epoch_end()["distance_from_start"]["1"] == pytest.approx(2)
    with pytest.raises(ValueError, match="`initial` has no weights of 1: pass those of all layers"):
        LayerTracker(model, initial={"0": initial["0"]})
    with pytest.raises(ValueError, match="`initial` has weights of another shape for 1"):
        LayerTracker(model, initial={**initial, "1": torch.zeros(2, 2)})


def test_layers_that_train_can_be_followed_alone() -> None:
    model = linears(4, 4, 4)
    model[1].requires_grad_(False)
    tracker = LayerTracker(model, ["rwc"], layers="trainable")
    assert list(tracker.epoch_end()["rwc"]) == ["0", "2"]
    model[0].requires_grad_(False)
    with pytest.warns(UserWarning, match="layerwise: no longer measured: 0"):
        assert list(tracker.epoch_end()["rwc"]) == ["2"]
    model[1].requires_grad_(True)
    with pytest.warns(UserWarning, match="measured from the next call on: 1"):
        measured = tracker.epoch_end()["rwc"]
    assert (math.isnan(measured["1"]), measured["2"]) == (True, 0)
    scale(model, 1.5)
    assert tracker.epoch_end()["rwc"] == {"1": pytest.approx(0.5), "2": pytest.approx(0.5)}


def test_one_name_of_a_layer_need_not_be_in_a_list() -> None:
    assert list(LayerTracker(linears(4, 4), ["rwc"], layers="1").epoch_end()["rwc"]) == ["1"]


@pytest.mark.parametrize("names", [["rwc"], list(MEASUREMENTS)])
def test_copies_on_a_device_of_one_s_choice_give_the_same_numbers(names: list[str]) -> None:
    models = [linears(4, 300), linears(4, 300)]
    beside, apart = LayerTracker(models[0], names), LayerTracker(models[1], names, keep_on="cpu")
    for _epoch in range(2):
        for model in models:
            scale(model, 1.1)
        one, other = beside.epoch_end(), apart.epoch_end()
        assert {name: pytest.approx(by_layer, abs=0, rel=0, nan_ok=True) for name, by_layer in one.items()} == other
    assert all(weight.device == torch.device("cpu") for weight in apart.before.values())


def test_an_epoch_may_end_in_inference_mode() -> None:
    """As Lightning ends one, after the evaluation."""
    model = linears(4)
    tracker = LayerTracker(model, ["rwc", "layer_rotation"])
    for dtype in (torch.float32, torch.float64, torch.float64):
        with torch.inference_mode():
            tracker.epoch_end()
        model.to(dtype)
        scale(model, 1.5)
        assert tracker.epoch_end()["rwc"]["0"] == pytest.approx(0.5)


def test_what_cannot_be_computed_is_nan_and_the_rest_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(_matrix: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("Tried to allocate 400 GiB")

    monkeypatch.setattr(torch.linalg, "eigvalsh", too_large)
    model = linears(4, 4)
    tracker = LayerTracker(model, ["rwc", "spectral_norm"])
    with pytest.warns(UserWarning, match=r"0 could not be measured \(OutOfMemoryError: Tried to allocate 400 GiB\)"):
        tracker.epoch_end()
    scale(model, 1.5)
    measured = tracker.epoch_end()  # without another warning
    assert measured["rwc"] == {"0": pytest.approx(0.5), "1": pytest.approx(0.5)}
    assert all(map(math.isnan, measured["spectral_norm"].values()))


def test_a_layer_that_could_not_be_copied_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model = linears(4, 4)
    tracker, copied = LayerTracker(model, ["rwc"]), layers_module.buffer_for
    monkeypatch.setattr(layers_module, "buffer_for", lambda *_args, **_given: torch.zeros(1))
    with pytest.warns(UserWarning, match="0 could not be measured"):
        assert all(map(math.isnan, tracker.epoch_end()["rwc"].values()))
    monkeypatch.setattr(layers_module, "buffer_for", copied)
    with pytest.warns(UserWarning, match="measured from the next call on: 0, 1"):
        tracker.epoch_end()
    scale(model, 1.5)
    assert tracker.epoch_end()["rwc"] == {"0": pytest.approx(0.5), "1": pytest.approx(0.5)}


def test_measures_every_n_steps_across_collections() -> None:
    model = nn.Linear(2, 2)
    nn.init.ones_(model.weight)
    tracker = StepTracker(nn.Sequential(model), every=2)
    collected = []
    for _epoch in range(2):
        for _step in range(3):
            scale(model, 2)
            tracker.step_end()
        collected.append(tracker.collect())
    assert collected == [{2: {"0": 3}}, {4: {"0": 3}, 6: {"0": 3}}]
    assert tracker.collect() == {}
