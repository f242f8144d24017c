"""The rules of optimizers against simulated steps from independent gradients, and the published formulas."""

import math

import pytest
import torch
from torch import Tensor, nn

from pipeline.measure.equilibrium import step_angle_level, steps_to_equilibrium, straightness, white_noise_rwc
from pipeline.measure.optimizers import rule, rule_of

STEPS, WEIGHTS = 40, 20_000
RULES = {
    "SGD": ("SGD", {}),
    "momentum": ("SGD", {"momentum": 0.9}),
    "dampening": ("SGD", {"momentum": 0.9, "dampening": 0.5}),
    "Nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "AdamW": ("AdamW", {"betas": (0.9, 0.99)}),
    "Lion": ("Lion", {"betas": (0.9, 0.95)}),
}


def directions(name: str, settings: dict, gradients: list[Tensor]) -> list[Tensor]:
    """Return steps per unit of the rate, as torch takes them; in AdamW the second moment is 1."""
    momentum, (first, second) = settings.get("momentum", 0.0), settings.get("betas", (0.0, 0.0))
    mean, taken = torch.zeros(WEIGHTS), []
    for gradient in gradients:
        if name == "SGD":
            mean = momentum * mean + (1 - settings.get("dampening", 0.0)) * gradient
            taken.append(gradient + momentum * mean if settings.get("nesterov") else mean)
        elif name == "AdamW":
            mean = first * mean + (1 - first) * gradient
            taken.append(mean)
        else:
            taken.append((first * mean + (1 - first) * gradient).sign())
            mean = second * mean + (1 - second) * gradient
    return taken


@pytest.mark.parametrize(("name", "settings"), RULES.values(), ids=RULES)
def test_independent_gradients_have_straightness_one_and_the_correlation_of_the_rule(name: str, settings: dict) -> None:
    draws = torch.Generator().manual_seed(0)
    warm_up = 300
    gradients = [torch.randn(WEIGHTS, generator=draws) for _step in range(warm_up + STEPS)]
    steps = directions(name, settings, gradients)[warm_up:]
    size = math.sqrt(sum(step.square().sum().item() for step in steps) / STEPS)
    far = torch.stack(steps).sum(0).norm().item()
    assert straightness(far, size, steps=STEPS, optimizer=name, **settings) == pytest.approx(1, abs=0.02)
    for lag in (1, 5):
        pairs = zip(steps[:-lag], steps[lag:], strict=True)
        found = torch.stack([torch.cosine_similarity(one, other, dim=0) for one, other in pairs]).mean().item()
        assert found == pytest.approx(rule(name, settings).correlation(lag), abs=0.01)


@pytest.mark.parametrize(("name", "settings"), RULES.values(), ids=RULES)
def test_a_walk_on_a_sphere_has_the_level_of_the_rule(name: str, settings: dict) -> None:
    """Independent gradients orthogonal to the weights, and decay: each weight walks to equilibrium."""
    draws, lr, decay = torch.Generator().manual_seed(0), 1e-2, 0.2
    by = rule(name, settings)
    coupled = name == "SGD"
    weight = torch.randn(WEIGHTS, generator=draws)
    weight *= math.sqrt(WEIGHTS * lr / 2 / decay) / weight.norm()
    velocity, angles = torch.zeros(WEIGHTS), []
    momentum, (first, second) = settings.get("momentum", 0.0), settings.get("betas", (0.0, 0.0))
    lr = lr * by.decay_divisor if coupled else lr
    settled = math.ceil(2 * steps_to_equilibrium(lr=lr, weight_decay=decay, optimizer=name, **settings))
    for step in range(settled + 1000):
        gradient = torch.randn(WEIGHTS, generator=draws)
        gradient -= weight * (gradient @ weight) / weight.square().sum()
        if coupled:
            gradient /= weight.norm() / 100  # of a scale-invariant function
            gradient += decay * weight
            velocity = momentum * velocity + (1 - settings.get("dampening", 0.0)) * gradient
            change = gradient + momentum * velocity if settings.get("nesterov") else velocity
        elif name == "AdamW":
            velocity = first * velocity + (1 - first) * gradient
            change = velocity + decay * weight
        else:
            change = (first * velocity + (1 - first) * gradient).sign() + decay * weight
            velocity = second * velocity + (1 - second) * gradient
        after = weight - lr * change
        if step >= settled:
            angles.append(torch.cosine_similarity(weight.double(), after.double(), dim=0).clamp(max=1).acos().item())
        weight = after
    level = step_angle_level(lr=lr, weight_decay=decay, optimizer=name, **settings)
    accuracy = 0.03 if by.signed else 0.01  # the published level takes the sign for its linear part
    assert math.sqrt(sum(angle**2 for angle in angles) / len(angles)) == pytest.approx(level, rel=accuracy)


def test_levels_by_hand() -> None:
    """arXiv 2305.17212: the angle of Lion is sqrt(pi / 2) times that of its momentum."""
    decay = {"lr": 1e-3, "weight_decay": 0.1}
    assert step_angle_level(**decay, optimizer="AdamW") == pytest.approx(math.sqrt(2e-4 * 0.1 / 1.9))
    lion = math.sqrt(math.pi / 2 * 2e-4 * (0.1**2 + 0.9**2 * 0.01 / 1.99))
    assert step_angle_level(**decay, optimizer="Lion", betas=(0.9, 0.99)) == pytest.approx(lion)
    power = 1.9**2 + 0.9**4 / (1 - 0.9**2)
    nesterov = math.sqrt(2e-4 * 0.1 * power)
    assert step_angle_level(**decay, momentum=0.9, nesterov=True) == pytest.approx(nesterov)
    assert white_noise_rwc(steps=1000, **decay, optimizer="AdamW") == pytest.approx(math.sqrt(2 * (1 - math.exp(-0.1))))
    assert steps_to_equilibrium(**decay, optimizer="Lion") == pytest.approx(30_000)


def test_an_unknown_optimizer_or_setting_is_an_error() -> None:
    with pytest.raises(ValueError, match="no level for the optimizer 'Adam'; choose from SGD, AdamW, Lion"):
        step_angle_level(lr=0.1, weight_decay=0.1, optimizer="Adam")
    with pytest.raises(TypeError, match="momentun"):
        step_angle_level(lr=0.1, weight_decay=0.1, momentun=0.9)


def test_the_rule_of_a_group_is_that_of_its_optimizer_and_settings() -> None:
    params = [nn.Parameter(torch.zeros(1))]
    sgd = torch.optim.SGD(params, lr=0.1, momentum=0.9, nesterov=True)
    assert rule_of(sgd, sgd.param_groups[0]) == rule("SGD", {"momentum": 0.9, "nesterov": True})
    adamw = torch.optim.AdamW(params, betas=(0.8, 0.99))
    assert rule_of(adamw, adamw.param_groups[0]) == rule("AdamW", {"betas": (0.8, 0.99)})
    for other in (torch.optim.Adam(params), torch.optim.AdamW(params, amsgrad=True)):
        found = rule_of(other, other.param_groups[0])
        assert math.isnan(found.angle_divisor)
        assert found.correlation(2) == pytest.approx(0.81)
    rigid = torch.optim.SGD(params, lr=0.1, momentum=1.0)
    assert math.isnan(rule_of(rigid, rigid.param_groups[0]).angle_divisor)
    assert math.isnan(rule_of(rigid, rigid.param_groups[0]).walk(3))
