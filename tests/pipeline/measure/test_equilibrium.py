"""Levels of equilibrium: formulas, which layers have them in every model, and a network trained until it is there."""

import math
from collections.abc import Callable
from statistics import fmean

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from models import ARCHITECTURES
from pipeline.measure.equilibrium import (
    scale_invariant_layers,
    step_angle_level,
    steps_to_equilibrium,
    straightness,
    white_noise_rwc,
)
from pipeline.measure.steps import StepSampler
from pipeline.measure.tracker import LayerTracker
from pipeline.measure.weights import layer_weights

OUTSIDE = {"AlexNet": None, "VGG19": {"classifier"}, "ResNet18": {"fc"}, "Xception": {"fc"}}  # None: none has BatchNorm
IMAGE = (1, 32, 32)


def test_levels_by_hand() -> None:
    assert step_angle_level(lr=0.1, momentum=0.9, weight_decay=5e-3) == pytest.approx(0.022942, rel=1e-4)
    assert white_noise_rwc(steps=28, lr=0.1, momentum=0.9, weight_decay=5e-3) == pytest.approx(0.51116, rel=1e-4)
    assert steps_to_equilibrium(lr=0.1, momentum=0.9, weight_decay=1e-4) == pytest.approx(30_000)
    assert steps_to_equilibrium(lr=0.1, momentum=0.9, weight_decay=0) == math.inf


@pytest.mark.parametrize(("name", "outside"), OUTSIDE.items(), ids=OUTSIDE)
def test_layers_before_batchnorm_are_scale_invariant(name: str, outside: set[str] | None) -> None:
    torch.manual_seed(0)
    model = ARCHITECTURES[name].build(input_channels=1, num_classes=10)
    layers = list(layer_weights(model))
    random_state = torch.get_rng_state()
    expected = [layer for layer in layers if outside is not None and layer not in outside]
    assert scale_invariant_layers(model, IMAGE) == expected
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(parameter.grad is None and parameter.dtype == torch.float32 for parameter in model.parameters())


@pytest.mark.parametrize("seed", [0, 1, 42])
def test_the_random_images_are_not_the_initial_weights(seed: int) -> None:
    seen = []
    model = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(IMAGE), 8, dtype=torch.float64))
    model[0].register_forward_hook(lambda _module, _inputs, output: seen.append(output.detach()))
    torch.manual_seed(seed)
    nn.init.normal_(model[1].weight)
    scale_invariant_layers(model, IMAGE)
    assert not torch.equal(seen[0], model[1].weight)


@pytest.mark.parametrize("name", ["AlexNet", "ResNet18"])
def test_scaling_a_scale_invariant_layer_and_no_other_leaves_the_output(name: str) -> None:
    torch.manual_seed(0)
    model = ARCHITECTURES[name].build(input_channels=1, num_classes=10).double().train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-20
        if isinstance(module, nn.Dropout):
            module.eval()
    images = torch.randn(8, *IMAGE, dtype=torch.float64)
    invariant = scale_invariant_layers(model, IMAGE)
    with torch.no_grad():
        output = model(images)
        for layer, weight in layer_weights(model).items():
            weight.mul_(3)
            moved = (model(images) - output).norm() / output.norm()
            assert (moved < 1e-9) == (layer in invariant), layer
            weight.div_(3)


@pytest.mark.parametrize(
    "norm", [lambda: nn.GroupNorm(2, 4), lambda: nn.InstanceNorm2d(4), lambda: nn.LayerNorm([4, 6, 6])]
)
def test_other_norms_make_layers_scale_invariant_too(norm: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3, bias=False), norm(), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)]
    assert scale_invariant_layers(nn.Sequential(*layers), (1, 8, 8)) == ["0"]


def test_a_layer_whose_gradient_vanishes_is_not_called_scale_invariant() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Linear(3, 2))
    nn.init.zeros_(model[2].weight)
    assert scale_invariant_layers(model, (1, 2, 2)) == []


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


@pytest.mark.slow
def test_a_network_with_batchnorm_settles_at_the_level() -> None:
    """Every scale-invariant layer, by the measurement that the pipeline takes; the linear layer has no level."""
    torch.manual_seed(0)
    layers = [*block(1, 16), *block(16, 16), nn.MaxPool2d(2), *block(16, 32), *block(32, 32)]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
    invariant = scale_invariant_layers(model, (1, 8, 8))
    assert invariant == ["0", "3", "7", "10"]
    sgd = {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-3}
    optimizer = torch.optim.SGD(model.parameters(), **sgd)
    images, labels = digits()
    batch, draws = 64, torch.Generator().manual_seed(0)
    steps = len(images) // batch
    tracker, sampler = LayerTracker(model, ["displacement"]), StepSampler(model, optimizer, every=4, steps=steps)
    settled, epochs = math.ceil(2 * steps_to_equilibrium(**sgd) / steps), []
    for epoch in range(settled + 60):  # over 20, machines that round differently are up to 6 % apart
        for chosen in torch.randperm(len(images), generator=draws)[: steps * batch].split(batch):
            optimizer.zero_grad()
            cross_entropy(model(images[chosen]), labels[chosen]).backward()
            optimizer.step()
        measured = sampler.epoch_end(tracker.epoch_end()["displacement"])
        if epoch >= settled:
            epochs.append(measured["step_angle"])
    for layer in invariant:
        angle = math.sqrt(fmean(each[layer] ** 2 for each in epochs))
        assert angle == pytest.approx(step_angle_level(**sgd), rel=0.05), layer
