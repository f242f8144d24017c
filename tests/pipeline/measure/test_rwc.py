"""Relative weight change: cases computed by hand, and a plain float64 version on random weights."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.measure.block import CPU_ELEMENTS
from pipeline.measure.layers import measure_layers


def measure(before: Tensor, after: Tensor) -> dict[str, float]:
    names = ["rwc", "rwc_elementwise", "rwc_elementwise_zeros"]
    values = measure_layers({"a": before}, {"a": after}, names)[:, 0].tolist()
    return dict(zip(names, values, strict=True))


def test_by_hand() -> None:
    measured = measure(torch.tensor([[1.0, -2.0], [0.0, 1.0]]), torch.tensor([[1.5, -1.0], [0.5, 1.0]]))
    assert measured["rwc"] == (0.5 + 1 + 0.5) / 4
    assert measured["rwc_elementwise"] == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert measured["rwc_elementwise_zeros"] == 1


def test_equal_snapshots_have_not_changed() -> None:
    weights = torch.randn(3, 4)
    assert measure(weights, weights) == {"rwc": 0, "rwc_elementwise": 0, "rwc_elementwise_zeros": 0}


def test_all_zero_before_is_nan_and_nothing_is_infinite() -> None:
    measured = measure(torch.zeros(2, 2), torch.ones(2, 2))
    assert math.isnan(measured["rwc"])
    assert math.isnan(measured["rwc_elementwise"])
    assert measured["rwc_elementwise_zeros"] == 4


def test_one_tiny_weight_dominates_the_elementwise_form_alone() -> None:
    measured = measure(torch.tensor([[1.0, 1e-6]]), torch.tensor([[1.0, 1e-2]]))
    assert measured["rwc"] < 0.011
    assert measured["rwc_elementwise"] > 4000


@pytest.mark.parametrize("shape", [(64, 3, 3, 3), (513, CPU_ELEMENTS // 256), (1, 1)])  # one block, three, an element
def test_against_float64(shape: tuple[int, ...]) -> None:
    draws = np.random.default_rng(len(shape))
    old = draws.normal(size=shape).astype(np.float32)
    old.flat[1::7] = 0
    new = (old + draws.normal(scale=0.1, size=shape)).astype(np.float32)
    measured = measure(torch.from_numpy(old), torch.from_numpy(new))
    old64, new64 = old.astype(np.float64), new.astype(np.float64)
    kept = old64 != 0
    change = np.abs(new64 - old64)
    assert measured["rwc"] == pytest.approx(change.sum() / np.abs(old64).sum(), rel=1e-6)
    assert measured["rwc_elementwise"] == pytest.approx((change[kept] / np.abs(old64)[kept]).mean(), rel=1e-6)
    assert measured["rwc_elementwise_zeros"] == (~kept).sum()
