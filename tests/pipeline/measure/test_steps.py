"""Single steps: which ones are measured, and what comes out, against steps followed by hand."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from pipeline.measure.steps import StepSampler, StepTracker

STEPS = 5


def angle(before: torch.Tensor, after: torch.Tensor) -> float:
    return math.acos(torch.nn.functional.cosine_similarity(before.flatten(), after.flatten(), dim=0).item())


@pytest.mark.parametrize(
    ("every", "whole", "sampled"),
    [
        (1, 5, [1, 2, 3, 4, 5]),
        (2, 5, [1, 3, 5]),
        (5, 5, [5]),
        (50, 5, [5]),
        (1, 4, [1, 2, 3, 4]),
        (2, 4, [2, 4]),
        (50, 4, [4]),
        (50, 0, [5]),
    ],
)
def test_steps_of_two_epochs_by_hand(every: int, whole: int, sampled: list[int]) -> None:
    draws = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3, bias=False), nn.Linear(3, 2)).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    sampler = StepSampler(model, optimizer, every=every, last=whole or STEPS)
    for _epoch in range(2):
        angles, sizes, ratios = [], [], []
        first = model[0].weight.detach().clone()
        for step in range(1, STEPS + 1):
            before = model[0].weight.detach().clone()
            model(torch.randn(8, 4, generator=draws, dtype=torch.float64)).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
            if step in sampled:
                after = model[0].weight.detach()
                angles.append(angle(before, after))
                sizes.append((after - before).norm().item())
                ratios.append(sizes[-1] / before.norm().item())
        displacement = (model[0].weight.detach() - first).norm().item()
        measured = sampler.epoch_end({"0": displacement, "1": 1.0})
        rms = math.sqrt(sum(each**2 for each in angles) / len(angles))
        assert measured["step_angle"]["0"] == pytest.approx(rms, rel=1e-5)
        assert measured["step_ratio"]["0"] == pytest.approx(ratios[-1], rel=1e-6)
        walk = STEPS + 2 * sum((STEPS - apart) * 0.5**apart for apart in range(1, STEPS))
        size = math.sqrt(sum(each**2 for each in sizes) / len(sizes))
        assert measured["straightness"]["0"] == pytest.approx(displacement / size / math.sqrt(walk), rel=1e-6)


def test_a_layer_that_does_not_move_turns_by_nothing_and_has_no_straightness() -> None:
    model = nn.Linear(2, 2, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    sampler = StepSampler(nn.Sequential(model), optimizer, every=1)
    (0 * model.weight).sum().backward()
    optimizer.step()
    measured = sampler.epoch_end({"0": 0.0})
    assert (measured["step_angle"]["0"], measured["step_ratio"]["0"]) == (0, 0)
    assert math.isnan(measured["straightness"]["0"])


class Lion(torch.optim.Optimizer):
    """arXiv 2302.06675."""

    def __init__(self, params: object, lr: float, betas: tuple[float, float], weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for weight in group["params"]:
                mean = self.state[weight].setdefault("mean", torch.zeros_like(weight))
                first, second = group["betas"]
                direction = mean.lerp(weight.grad, 1 - first).sign_()
                weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(direction, alpha=-group["lr"])
                mean.lerp_(weight.grad, 1 - second)


OPTIMIZERS: dict[str, Callable[[list[nn.Parameter]], torch.optim.Optimizer]] = {
    "SGD": lambda params: torch.optim.SGD(params, lr=0.1),
    "SGD, momentum": lambda params: torch.optim.SGD(params, lr=0.1, momentum=0.9, nesterov=True),
    "AdamW": lambda params: torch.optim.AdamW(params, lr=0.1),
    "AdamW, rate as a tensor": lambda params: torch.optim.AdamW(params, lr=torch.tensor(0.1)),
    "Lion": lambda params: Lion(params, lr=0.1, betas=(0.9, 0.99), weight_decay=0.1),
    **{
        name: lambda params, name=name: getattr(torch.optim, name)(params, lr=0.1)
        for name in ("Adam", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "ASGD", "Rprop", "Adafactor")
    },
}


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))


def take_steps(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    for _step in range(steps):
        optimizer.zero_grad()
        model(torch.randn(8, 4)).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_any_optimizer_is_sampled(make: Callable[[list[nn.Parameter]], torch.optim.Optimizer]) -> None:
    model = small()  # float64, for the angle
    optimizer = make(list(model.double().parameters()))
    sampler = StepSampler(model, optimizer, every=1)
    before = model[0].weight.detach().clone()
    model(torch.randn(8, 4, dtype=torch.float64)).square().mean().backward()
    optimizer.step()
    after = model[0].weight.detach()
    far = (after - before).norm().item()
    measured = sampler.epoch_end({"0": far, "1": 1.0})
    assert measured["step_angle"]["0"] == pytest.approx(angle(before, after), rel=1e-3)
    assert measured["step_ratio"]["0"] == pytest.approx(far / before.norm().item(), rel=1e-5)
    assert measured["straightness"]["0"] == pytest.approx(1)  # a walk of one step


@pytest.mark.parametrize(("taken", "sampled"), [(20, [1]), (51, [1, 51]), (100, [1, 51])])
def test_steps_are_counted_as_they_are_taken(taken: int, sampled: list[int]) -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    sampler, sizes = StepSampler(model, optimizer, every=50), []
    for _epoch in range(2):
        sizes = []
        for step in range(1, taken + 1):
            before = model[0].weight.detach().clone()
            take_steps(model, optimizer, 1)
            if step in sampled:
                sizes.append((model[0].weight.detach() - before).square().sum().item())
        straightness = sampler.epoch_end({"0": 1.0})["straightness"]
        assert straightness == {"0": pytest.approx(1 / math.sqrt(taken * sum(sizes) / len(sizes)), rel=1e-5)}


def test_an_epoch_without_a_sample_has_no_values() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    sampler = StepSampler(model, optimizer, every=2, last=2)
    assert sampler.epoch_end({"0": 1.0}) == {"step_angle": {}, "step_ratio": {}, "straightness": {}}
    take_steps(model, optimizer, 1)
    assert sampler.epoch_end({"0": 1.0})["step_angle"] == {}
    take_steps(model, optimizer, 2)
    measured = sampler.epoch_end()
    assert (list(measured["step_angle"]), measured["straightness"]) == (["0", "1"], {})


@pytest.mark.parametrize("fused", [False, True])
def test_steps_that_gradscaler_skips_do_not_count(fused: bool) -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    sampler, sizes = StepSampler(model, optimizer, every=1), []
    for step in range(4):
        before = model[0].weight.detach().clone()
        optimizer.zero_grad()
        loss = model(torch.randn(8, 4)).square().mean()
        scaler.scale(math.inf * loss if step in (0, 2) else loss).backward()
        scaler.step(optimizer)
        scaler.update()
        if step in (1, 3):
            sizes.append((model[0].weight.detach() - before).square().sum().item())
        else:
            assert torch.equal(model[0].weight, before)
    measured = sampler.epoch_end({"0": 1.0})
    assert measured["straightness"]["0"] == pytest.approx(1 / math.sqrt(sum(sizes)), rel=1e-5)
    assert measured["step_angle"]["0"] > 0


def test_each_layer_has_the_rate_momentum_and_decay_of_its_own_group_at_the_moment() -> None:
    model = small()
    groups = [
        {"params": model[0].parameters(), "lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
        {"params": model[1].parameters(), "lr": 0.2, "momentum": 0.0, "weight_decay": 0.02},
    ]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    sampler, squares = StepSampler(model, optimizer, every=1), torch.zeros(2)
    for _step in range(2):
        before = [layer.weight.detach().clone() for layer in model]
        take_steps(model, optimizer, 1)
        squares += torch.stack(
            [(layer.weight - old).square().sum() for layer, old in zip(model, before, strict=True)]
        ).detach()
        schedule.step()
    measured = sampler.epoch_end(dict.fromkeys(("0", "1"), 1.0))
    rates = (1 + 1 / 2) / 2  # the mean over the steps
    assert sampler.levels == pytest.approx(
        {"0": math.sqrt(2 * 0.1 * rates * 0.01 / 1.9), "1": math.sqrt(2 * 0.2 * rates * 0.02)}
    )
    walks = [square / 2 * (2 + 2 * momentum) for square, momentum in zip(squares.tolist(), (0.9, 0.0), strict=True)]
    assert list(measured["straightness"].values()) == pytest.approx([1 / math.sqrt(walk) for walk in walks], rel=1e-5)


def test_layers_outside_the_optimizer_and_optimizers_without_a_level_have_none() -> None:
    model = small()
    optimizer = torch.optim.Adam(model[0].parameters(), lr=0.1, weight_decay=0.1)
    sampler = StepSampler(model, optimizer, every=1)
    take_steps(model, optimizer, 1)
    assert sampler.epoch_end()["step_angle"]["1"] == 0
    assert all(map(math.isnan, sampler.levels.values()))


def test_layers_that_come_in_the_middle_of_an_epoch_are_sampled_from_then_on() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    sampler = StepSampler(model, optimizer, every=1)
    take_steps(model, optimizer, 2)
    model.append(nn.Linear(2, 2))
    optimizer.add_param_group({"params": model[2].parameters()})
    take_steps(model, optimizer, 2)
    measured = sampler.epoch_end({"0": 1.0})
    assert list(measured["step_angle"]) == ["0", "1", "2"]
    assert list(measured["straightness"]) == ["0"]


def test_an_optimizer_that_only_passes_steps_on_is_sampled() -> None:
    class Passing(torch.optim.Optimizer):
        """As Accelerate's, which does not initialise its base class."""

        def __init__(self, optimizer: torch.optim.Optimizer) -> None:
            self.optimizer = optimizer

        def step(self) -> None:  # type: ignore[override]
            self.optimizer.step()

        def zero_grad(self) -> None:  # type: ignore[override]
            self.optimizer.zero_grad()

    model = small()
    optimizer = Passing(torch.optim.SGD(model.parameters(), lr=0.1))
    sampler = StepSampler(model, optimizer, every=1)
    take_steps(model, optimizer, 1)
    assert sampler.epoch_end()["step_angle"]["0"] > 0


def test_numbers_of_steps_that_are_not_positive_are_refused() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for make in (
        lambda: StepSampler(model, optimizer, every=0),
        lambda: StepSampler(model, optimizer, every=1, last=0),
        lambda: StepTracker(model, every=0),
    ):
        with pytest.raises(ValueError, match="=0 must be a positive number of steps"):
            make()
