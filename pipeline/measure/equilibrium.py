"""Equilibrium levels of optimizers with weight decay, which scale-invariant layers reach (`invariance.py`).

The gradient of such a layer is orthogonal to its weights, so steps lengthen them, weight decay shortens them, and in
balance the weights turn by a constant angle a step (arXiv 2006.08419, 2305.17212).
"""

import math
from typing import Any

from .optimizers import Rule, rule

RELAXATIONS = (
    3  # in units of (1 - momentum) / (lr weight_decay) steps, each of which relaxes the squared norm by exp(-2)
)


def step_angle_level(*, lr: float, weight_decay: float, optimizer: str = "SGD", **settings: Any) -> float:
    """Return the root mean square angle of a step in equilibrium, radians.

    `settings` are those of the optimizer, at the moment: `momentum`, `nesterov`, `dampening` of SGD, `betas` of AdamW
    and Lion. Gradients count as independent; where those of successive steps cancel in part, the angle is larger: by up
    to a tenth with `nesterov` and a momentum of 0.9. ValueError for another optimizer, TypeError for another setting.
    """
    return math.sqrt(2 * lr * weight_decay / rule(optimizer, settings).angle_divisor)


def white_noise_rwc(*, steps: int, lr: float, weight_decay: float, optimizer: str = "SGD", **settings: Any) -> float:
    """Return RWC* of `steps` steps in equilibrium under independent gradients; `settings` as in `step_angle_level`.

    It is an upper reference: real gradients of an epoch cancel in part, so RWC stays below it.
    """
    return math.sqrt(-2 * math.expm1(-steps * lr * weight_decay / rule(optimizer, settings).decay_divisor))


def steps_to_equilibrium(*, lr: float, weight_decay: float, optimizer: str = "SGD", **settings: Any) -> float:
    """Return the number of steps to equilibrium, inf without weight decay; `settings` as in `step_angle_level`."""
    rate = lr * weight_decay
    return RELAXATIONS * rule(optimizer, settings).decay_divisor / rate if rate else math.inf


def straightness(displacement: float, step: float, *, steps: int, optimizer: str = "SGD", **settings: Any) -> float:
    """Return a layer's displacement over `steps` steps relative to that of a random walk with momentum.

    `step` is the root mean square length of the steps and `displacement` the distance between first and last weights,
    both in the 2-norm; `settings` as in `step_angle_level`. The walk has independent gradients, so that under SGD steps
    k apart correlate by momentum**k. Below 1 the steps cancel, at 1 they have no common direction, above 1 they share
    one: at most sqrt(steps (1 - momentum) / (1 + momentum)). NaN if `step` is 0.
    """
    return straight(displacement, step, steps, rule(optimizer, settings))


def straight(displacement: float, step: float, steps: int, by: Rule) -> float:
    """Return the straightness of steps under a rule."""
    walk = step * math.sqrt(by.walk(steps))
    return displacement / walk if walk > 0 else math.nan
