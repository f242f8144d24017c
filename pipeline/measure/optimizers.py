"""How optimizers make steps of gradients: the levels of equilibrium, and the random walk that independent ones give.

Formulas: SGD with momentum arXiv 2006.08419; AdamW, Lion and the rest arXiv 2305.17212 and its code (epfml/REQ).
"""

import math
from collections.abc import Callable, Mapping
from functools import cache
from inspect import signature
from typing import Any, NamedTuple

import torch


class Rule(NamedTuple):
    """A step as a sum of gradients: first g_k + rest (g_{k-1} + fading g_{k-2} + fading^2 g_{k-3} + ...), or its sign.

    Weight decay shortens the weights by lr weight_decay / `decay_divisor` a step. In equilibrium, the mean squared
    angle of a step is 2 lr weight_decay / `angle_divisor`. They are NaN where no formula is known.
    """

    first: float = 1.0
    rest: float = 0.0
    fading: float = 0.0
    decay_divisor: float = math.nan
    angle_divisor: float = math.nan
    signed: bool = False

    def correlation(self, lag: int) -> float:
        """Return the correlation of two steps that are `lag` apart, under independent gradients."""
        linear = self._share * self.fading**lag
        return 2 / math.pi * math.asin(min(1.0, linear)) if self.signed else linear

    def walk(self, steps: int) -> float:
        """Return the mean squared distance after `steps` steps under independent gradients, in squared steps."""
        if self.fading >= 1:
            return math.nan
        if self.signed:
            return _sum_of(self, steps)
        share, fading = self._share, self.fading
        geometric = steps * (1 + fading) / (1 - fading) - 2 * fading * (1 - fading**steps) / (1 - fading) ** 2
        return (1 - share) * steps + share * geometric

    @property
    def _share(self) -> float:
        """Return the correlation of steps one apart, divided by `fading`: 1 for plain momentum."""
        if not self.rest:
            return 0.0
        tail = self.rest**2 / (1 - self.fading**2)
        return (self.first * self.rest / self.fading + tail) / (self.first**2 + tail)


def sgd(*, momentum: float = 0.0, nesterov: bool = False, dampening: float = 0.0) -> Rule:
    if momentum >= 1:  # no step is ever forgotten
        return Rule(1.0, momentum, momentum)
    fresh = 1 - dampening
    if not nesterov:
        return Rule(1.0, momentum, momentum, (1 - momentum) / fresh, (1 + momentum) / fresh)
    first, rest = 1 + momentum, momentum**2
    power = first**2 + rest**2 / (1 - momentum**2)
    return Rule(first, rest, momentum, 1 - momentum, 1 / ((1 - momentum) * power))


def adamw(*, betas: tuple[float, ...] = (0.9, 0.999), amsgrad: bool = False) -> Rule:
    beta = float(betas[0])
    known = math.nan if amsgrad else 1.0
    return Rule(1.0, beta, beta, known, known * (1 + beta) / (1 - beta))


def lion(*, betas: tuple[float, ...] = (0.9, 0.99)) -> Rule:
    beta, fading = map(float, betas[:2])
    first, rest = 1 - beta, beta * (1 - fading)
    power = first**2 + rest**2 / (1 - fading**2)
    return Rule(first, rest, fading, 1.0, 2 / math.pi / power, signed=True)


RULES: dict[str, Callable[..., Rule]] = {"SGD": sgd, "AdamW": adamw, "Lion": lion}


def rule(optimizer: str, settings: Mapping[str, Any]) -> Rule:
    """Return the rule of an optimizer in `RULES`; ValueError for another, TypeError for a setting that it lacks."""
    if optimizer not in RULES:
        raise ValueError(f"there is no level for the optimizer {optimizer!r}; choose from {', '.join(RULES)}")
    return RULES[optimizer](**settings)


def rule_of(optimizer: torch.optim.Optimizer, group: Mapping[str, Any]) -> Rule:
    """Return the rule of a parameter group, as its settings are now; of other optimizers, by momentum or `betas`."""
    names = [each.__name__ for each in type(optimizer).__mro__]
    name = "AdamW" if group.get("decoupled_weight_decay") and "Adam" in names else None
    make = RULES.get(name or next((each for each in names if each in RULES), ""))
    if make:
        return make(**{key: group[key] for key in signature(make).parameters if key in group})
    momentum = float(group.get("momentum") or (group.get("betas") or [0.0])[0] or 0.0)
    of_sgd = sgd(momentum=momentum, nesterov="NAdam" in names or bool(group.get("nesterov")))
    return of_sgd._replace(decay_divisor=math.nan, angle_divisor=math.nan)


@cache
def _sum_of(rule: Rule, steps: int) -> float:
    return steps + 2 * sum((steps - lag) * rule.correlation(lag) for lag in range(1, steps))


def innermost(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Return the optimizer in a wrapper such as Accelerate's, which has no hooks and only passes some steps on."""
    while isinstance(inner := getattr(optimizer, "optimizer", None), torch.optim.Optimizer):
        optimizer = inner
    return optimizer
