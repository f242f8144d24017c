"""Lengths and angles: cases computed by hand, degenerate weights, and a plain float64 version on random ones."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.measure.block import CPU_ELEMENTS
from pipeline.measure.layers import measure_layers

NAMES = ["displacement", "l2_change", "angular_update", "layer_rotation", "distance_from_start", "weight_norm"]


def measure(before: Tensor, after: Tensor, initial: Tensor) -> dict[str, float]:
    values = measure_layers({"a": before}, {"a": after}, NAMES, initial={"a": initial})[:, 0].tolist()
    return dict(zip(NAMES, values, strict=True))


def in_float64(before: Tensor, after: Tensor, initial: Tensor) -> dict[str, float]:
    w, v, u = (tensor.double().numpy().ravel() for tensor in (before, after, initial))
    norm = np.linalg.norm

    def angle(one: np.ndarray, other: np.ndarray) -> float:
        one, other = one / norm(one), other / norm(other)
        return 2 * math.atan2(norm(one - other), norm(one + other))

    return {
        "displacement": norm(v - w),
        "l2_change": norm(v - w) / norm(w),
        "angular_update": angle(w, v),
        "layer_rotation": 2 * math.sin(angle(u, v) / 2) ** 2,
        "distance_from_start": norm(v - u) / norm(u),
        "weight_norm": norm(v),
    }


def test_by_hand() -> None:
    measured = measure(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 4.0]]), torch.tensor([[0.0, -2.0]]))
    assert measured["displacement"] == pytest.approx(5)
    assert measured["l2_change"] == pytest.approx(5 / 3)
    assert measured["angular_update"] == pytest.approx(math.pi / 2)
    assert measured["layer_rotation"] == pytest.approx(2)
    assert measured["distance_from_start"] == pytest.approx(3)
    assert measured["weight_norm"] == pytest.approx(4)


@pytest.mark.parametrize("shape", [(1, 1), (64, 3, 3, 3), (513, CPU_ELEMENTS // 256)])  # an element, a block, three
@pytest.mark.parametrize("scale", [1e-5, 1e-3, 0.1, 3])
def test_against_float64(shape: tuple[int, ...], scale: float) -> None:
    draws = torch.Generator().manual_seed(len(shape))
    initial, step, drift = (torch.randn(shape, generator=draws) for _tensor in range(3))
    before = initial + drift
    after = before * (1 - scale / 2) + scale * step
    expected = in_float64(before, after, initial)
    assert measure(before, after, initial) == pytest.approx(expected, rel=2e-5, abs=1e-7)


def test_a_change_of_length_alone_is_no_turn() -> None:
    weights = torch.randn(300, 300, generator=torch.Generator().manual_seed(0))
    measured = measure(weights, 2 * weights, 0.5 * weights)
    assert measured["angular_update"] == pytest.approx(0, abs=1e-3)
    assert measured["layer_rotation"] == pytest.approx(0, abs=1e-6)
    assert (measured["l2_change"], measured["distance_from_start"]) == pytest.approx((1, 3))


def test_equal_snapshots_have_not_moved() -> None:
    weights = torch.randn(3, 4)
    measured = measure(weights, weights, weights)
    assert measured.pop("weight_norm") == pytest.approx(weights.norm().item())
    assert set(measured.values()) == {0}


@pytest.mark.parametrize(
    ("before", "after", "initial", "undefined"),
    [
        (0, 1, 1, {"l2_change", "angular_update"}),
        (1, 0, 1, {"angular_update", "layer_rotation"}),
        (1, 1, 0, {"layer_rotation", "distance_from_start"}),
    ],
)
def test_zeros_give_nan_where_nothing_is_defined(before: int, after: int, initial: int, undefined: set[str]) -> None:
    measured = measure(*(torch.full((2, 3), float(value)) for value in (before, after, initial)))
    assert {name for name, value in measured.items() if math.isnan(value)} == undefined
    assert not any(math.isinf(value) for value in measured.values())
