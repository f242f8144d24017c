"""Rounding in float32 arithmetic gives what bfloat16 autocast gives."""

from copy import deepcopy

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from benchmarks.rounding import round_like_bfloat16


def test_rounded_layers_compute_what_autocast_computes() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 16, 10)
    )
    images, labels = torch.randn(16, 1, 8, 8), torch.arange(16) % 10
    emulated = deepcopy(network)
    round_like_bfloat16(emulated)

    def gradients(model: nn.Module, *, cast: bool) -> list[torch.Tensor]:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=cast):
            loss = cross_entropy(model(images), labels)
        return list(torch.autograd.grad(loss, list(model.parameters())))

    plain, native, rounded = (
        gradients(network, cast=False),
        gradients(network, cast=True),
        gradients(emulated, cast=False),
    )
    for exact, expected, ours in zip(plain, native, rounded, strict=True):
        rounding = (expected - exact).norm()
        assert rounding > 0
        assert (ours - expected).norm() < 0.25 * rounding  # what is left is the order of the sums
    assert {tuple(tensor.shape) for tensor in emulated.state_dict().values()} == {
        tuple(tensor.shape) for tensor in network.state_dict().values()
    }
