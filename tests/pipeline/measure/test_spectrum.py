"""Spectral norms and the stable rank against a float64 singular value decomposition."""

import math

import pytest
import torch
from torch import Tensor

from pipeline.measure.layers import measure_layers

NAMES = ["spectral_norm", "spectral_change", "stable_rank"]


def measure(before: Tensor, after: Tensor) -> dict[str, float]:
    values = measure_layers({"a": before}, {"a": after}, NAMES, keep=True)[:, 0].tolist()
    return dict(zip(NAMES, values, strict=True))


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (16, 4, 3, 3), (64, 1, 3, 3), (200, 100)])
@pytest.mark.parametrize("scale", [1e-20, 1e-6, 1.0])
def test_against_float64(shape: tuple[int, ...], scale: float) -> None:
    draws = torch.Generator().manual_seed(len(shape))
    before, after = (scale * torch.randn(shape, generator=draws) for _weights in range(2))
    matrices = [weight.double().flatten(1) for weight in (after, after - before)]
    largest = [torch.linalg.svdvals(matrix)[0].item() for matrix in matrices]
    expected = [*largest, (matrices[0].norm() / largest[0]).square().item()]
    measured = measure(before.clone(memory_format=torch.preserve_format), after)
    if scale > 1e-10:  # squares of smaller numbers are no float32
        assert list(measured.values()) == pytest.approx(expected, rel=1e-5)
    assert not any(math.isinf(value) for value in measured.values())


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_autocast_and_the_precision_of_products_change_nothing(precision: str) -> None:
    draws = torch.Generator().manual_seed(0)
    before, after = (torch.randn(96, 130, generator=draws) for _weights in range(2))
    expected = measure_layers({"a": before.clone()}, {"a": after})
    allowed = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        with torch.autocast("cpu", torch.bfloat16):
            measured = measure_layers({"a": before.clone()}, {"a": after})
    finally:
        torch.set_float32_matmul_precision(allowed)
    torch.testing.assert_close(measured, expected, rtol=1e-6, atol=0, equal_nan=True)


def test_by_hand() -> None:
    measured = measure(torch.zeros(2, 2), torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    assert measured == pytest.approx({"spectral_norm": 4, "spectral_change": 4, "stable_rank": 25 / 16})


def test_zeros_have_no_rank() -> None:
    measured = measure(torch.ones(2, 3), torch.zeros(2, 3))
    assert (measured["spectral_norm"], measured["spectral_change"]) == pytest.approx((0, math.sqrt(6)))
    assert math.isnan(measured["stable_rank"])
