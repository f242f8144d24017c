"""The tracker follows the layers of a model: parameters of two or more dimensions."""

import pytest
import torch
from torch import nn

from pipeline.measure.measurements import MEASUREMENTS
from pipeline.measure.steps import StepTracker
from pipeline.measure.tracker import LayerTracker
from pipeline.measure.weights import layer_weights


def test_a_layer_is_a_weight_of_two_or_more_dimensions() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
    assert list(layer_weights(model)) == ["0", "2"]


def test_measures_from_call_to_call() -> None:
    model = nn.Linear(2, 2)
    tracker = LayerTracker(nn.Sequential(model))
    with torch.no_grad():
        model.weight.mul_(1.5)
    first = tracker.epoch_end()
    assert set(first) == set(MEASUREMENTS)
    assert first["rwc"]["0"] == pytest.approx(0.5)
    assert first["rwc_elementwise"]["0"] == pytest.approx(0.5)
    with torch.no_grad():
        model.weight.mul_(2)
    assert tracker.epoch_end()["rwc"]["0"] == pytest.approx(1)
    assert tracker.epoch_end()["rwc"]["0"] == 0


def test_measures_every_n_steps_across_collections() -> None:
    model = nn.Linear(2, 2)
    nn.init.ones_(model.weight)
    tracker = StepTracker(nn.Sequential(model), every=2)
    collected = []
    for _epoch in range(2):
        for _step in range(3):
            with torch.no_grad():
                model.weight.mul_(2)
            tracker.step_end()
        collected.append(tracker.collect())
    assert collected == [{2: {"0": 3}}, {4: {"0": 3}, 6: {"0": 3}}]
    assert tracker.collect() == {}
