"""Levels of equilibrium: formulas, which layers have them in every model, and a network trained until it is there."""

import math
from statistics import fmean
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pipeline.measure.equilibrium import step_angle_level, steps_to_equilibrium, straightness, white_noise_rwc
from pipeline.measure.invariance import scale_invariant_layers
from pipeline.measure.steps import StepSampler


def test_levels_by_hand() -> None:
    assert step_angle_level(lr=0.1, momentum=0.9, weight_decay=5e-3) == pytest.approx(0.022942, rel=1e-4)
    assert white_noise_rwc(steps=28, lr=0.1, momentum=0.9, weight_decay=5e-3) == pytest.approx(0.51116, rel=1e-4)
    assert steps_to_equilibrium(lr=0.1, momentum=0.9, weight_decay=1e-4) == pytest.approx(30_000)
    assert steps_to_equilibrium(lr=0.1, momentum=0.9, weight_decay=0) == math.inf


def test_a_random_walk_with_momentum_has_straightness_one() -> None:
    draws, steps = torch.Generator().manual_seed(0), 50
    velocity = torch.randn(100_000, generator=draws) / math.sqrt(1 - 0.9**2)
    position, squares = torch.zeros(100_000), []
    for _step in range(steps):
        velocity = 0.9 * velocity + torch.randn(100_000, generator=draws)
        position += velocity
        squares.append(velocity.square().sum().item())
    size = math.sqrt(fmean(squares))
    assert straightness(position.norm().item(), size, steps=steps, momentum=0.9) == pytest.approx(1, abs=0.01)
    straight = straightness(1000.0, 1.0, steps=1000, momentum=0.9)  # all steps equal
    assert straight == pytest.approx(math.sqrt(1000 * 0.1 / 1.9), rel=0.01)
    assert math.isnan(straightness(0.0, 0.0, steps=steps, momentum=0.9))


def block(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


def digits() -> tuple[Tensor, Tensor]:
    bunch = load_digits()
    images = torch.tensor(bunch.images, dtype=torch.float32).unsqueeze(1)
    return (images - images.mean()) / images.std(), torch.tensor(bunch.target)


OPTIMIZERS: dict[str, tuple[type[torch.optim.Optimizer], dict[str, Any]]] = {
    "SGD": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-3}),
    "Nesterov": (torch.optim.SGD, {"lr": 0.25, "momentum": 0.5, "weight_decay": 1e-2, "nesterov": True}),
    "AdamW": (torch.optim.AdamW, {"lr": 0.01, "betas": (0.9, 0.99), "weight_decay": 0.5}),
}


@pytest.mark.slow
@pytest.mark.parametrize(("optimizer_type", "settings"), OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_network_with_batchnorm_settles_at_the_level(
    optimizer_type: type[torch.optim.Optimizer], settings: dict[str, Any]
) -> None:
    """Every scale-invariant layer, by the measurement that the pipeline takes; the linear layer has no level."""
    torch.manual_seed(0)
    layers = [*block(1, 16), *block(16, 16), nn.MaxPool2d(2), *block(16, 32), *block(32, 32)]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
    images, labels = digits()
    invariant = scale_invariant_layers(model, images[:8])
    assert invariant == ["0", "3", "7", "10"]
    optimizer = optimizer_type(model.parameters(), **settings)
    batch, draws = 64, torch.Generator().manual_seed(0)
    steps = len(images) // batch
    sampler = StepSampler(model, optimizer, every=4)
    relaxed = steps_to_equilibrium(optimizer=optimizer_type.__name__, **settings)
    settled, epochs = math.ceil(2 * relaxed / steps), []
    for epoch in range(settled + 60):  # over 20, machines that round differently are up to 6 % apart
        for chosen in torch.randperm(len(images), generator=draws)[: steps * batch].split(batch):
            optimizer.zero_grad()
            cross_entropy(model(images[chosen]), labels[chosen]).backward()
            optimizer.step()
        measured = sampler.epoch_end()
        if epoch >= settled:
            epochs.append(measured["step_angle"])
    level = step_angle_level(optimizer=optimizer_type.__name__, **settings)
    assert sampler.levels == pytest.approx(dict.fromkeys([*invariant, "15"], level))
    for layer in invariant:
        angle = math.sqrt(fmean(each[layer] ** 2 for each in epochs))
        assert angle == pytest.approx(level, rel=0.05), layer
