"""Relative weight change: cases computed by hand, and a plain float64 version on random weights."""

import math

import numpy as np
import pytest
import torch

from pipeline.measure.registry import measurement
from pipeline.measure.rwc import elementwise_weight_change, relative_weight_change, zeros_left_out


def test_by_hand() -> None:
    before = {"a": torch.tensor([[1.0, -2.0], [0.0, 1.0]])}
    after = {"a": torch.tensor([[1.5, -1.0], [0.5, 1.0]])}
    assert relative_weight_change(before, after)["a"] == pytest.approx((0.5 + 1 + 0.5) / 4)
    assert elementwise_weight_change(before, after)["a"] == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert zeros_left_out(before, after) == {"a": 1}


def test_equal_snapshots_have_not_changed() -> None:
    weights = {"a": torch.randn(3, 4)}
    assert relative_weight_change(weights, weights) == {"a": 0}
    assert elementwise_weight_change(weights, weights) == {"a": 0}


def test_all_zero_before_is_nan_and_nothing_is_infinite() -> None:
    before, after = {"a": torch.zeros(2, 2)}, {"a": torch.ones(2, 2)}
    assert math.isnan(relative_weight_change(before, after)["a"])
    assert math.isnan(elementwise_weight_change(before, after)["a"])
    assert zeros_left_out(before, after) == {"a": 4}


def test_no_layers() -> None:
    assert relative_weight_change({}, {}) == {}


def test_one_tiny_weight_dominates_the_elementwise_form_alone() -> None:
    before = {"a": torch.tensor([[1.0, 1e-6]])}
    after = {"a": torch.tensor([[1.0, 1e-2]])}
    assert relative_weight_change(before, after)["a"] < 0.011
    assert elementwise_weight_change(before, after)["a"] > 4000


@pytest.mark.parametrize("shape", [(64, 3, 3, 3), (512, 1024), (1, 1)])
def test_against_float64(shape: tuple[int, ...]) -> None:
    draws = np.random.default_rng(len(shape))
    old = draws.normal(size=shape).astype(np.float32)
    old.flat[::7] = 0
    new = (old + draws.normal(scale=0.1, size=shape)).astype(np.float32)
    before, after = {"a": torch.from_numpy(old)}, {"a": torch.from_numpy(new)}
    old64, new64 = old.astype(np.float64), new.astype(np.float64)
    kept = old64 != 0
    if kept.any():
        exact = np.abs(new64 - old64).sum() / np.abs(old64).sum()
        assert relative_weight_change(before, after)["a"] == pytest.approx(exact, rel=1e-5)
        exact = (np.abs(new64 - old64)[kept] / np.abs(old64)[kept]).mean()
        assert elementwise_weight_change(before, after)["a"] == pytest.approx(exact, rel=1e-5)
    assert zeros_left_out(before, after)["a"] == (~kept).sum()


def test_a_name_registers_once() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        measurement("rwc")(relative_weight_change)
