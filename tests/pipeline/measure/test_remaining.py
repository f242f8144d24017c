"""Remaining distance by hand, and where there is none."""

import math

import pytest
import torch

from pipeline.measure.remaining import remaining_distance


def test_by_hand() -> None:
    initial, final = (
        {"a": torch.zeros(1, 2), "b": torch.ones(1, 1)},
        {"a": torch.tensor([[3.0, 4.0]]), "b": torch.ones(1, 1)},
    )
    assert remaining_distance(initial, initial, final)["a"] == 1
    assert remaining_distance(final, initial, final)["a"] == 0
    half_way = {"a": torch.tensor([[3.0, 1.0]]), "b": torch.ones(1, 1)}
    assert remaining_distance(half_way, initial, final)["a"] == pytest.approx(0.6)
    assert math.isnan(remaining_distance(half_way, initial, final)["b"])  # it ended where it started
