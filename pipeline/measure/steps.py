"""Measurements within epochs: RWC over a number of steps, and the length and angle of single steps."""

import math
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .devices import measurable
from .equilibrium import straight
from .layer_selection import Notices, Selection
from .layers import measure_layers
from .memory import buffer_for
from .optimizers import Rule, innermost, rule_of
from .tracker import LayerTracker
from .weights import Choice, Weights

STEP_FORMULAS = {  # of `StepSampler.epoch_end`, in its order
    "step_angle": "root mean square angle of single steps, radians",
    "step_ratio": "||after - before|| / ||before|| of the epoch's last sampled step",
    "straightness": "displacement / that of a random walk with momentum whose steps are as long",
}


class StepTracker(LayerTracker):
    """Measures RWC over every `every` steps; the values stay on the device until they are collected."""

    def __init__(self, model: nn.Module, *, every: int, layers: Choice = None) -> None:
        super().__init__(model, ["rwc"], layers=layers)
        _check_positive(every=every)
        self.every = every
        self.step = 0
        self._waiting: dict[int, tuple[Tensor, tuple[str, ...]]] = {}

    def step_end(self) -> None:
        self.step += 1
        if self.step % self.every == 0:
            self._waiting[self.step] = self._advance()

    def state(self) -> dict[str, Any]:
        """Return the step and the weights at the last measurement, not copied, for `restore`."""
        return {"step": self.step, "before": self.before}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Resume from the `state()` of an epoch's end."""
        self.step = state["step"]
        for layer, weight in self.before.items():
            weight.copy_(state["before"][layer])

    def collect(self) -> dict[int, dict[str, float]]:
        """Return {step: {layer: RWC}} of the measurements since the last call; steps count from 1."""
        collected = {}
        for step, (values, layers) in self._waiting.items():
            rows = values.tolist()
            self._say_not_finite(layers, rows)
            collected[step] = dict(zip(layers, rows[0], strict=True))
        self._waiting.clear()
        return collected


class _Sample(NamedTuple):
    """A step: its values, measured x layers, each layer's rule and squared level, whether GradScaler skipped it."""

    layers: tuple[str, ...]
    values: Tensor
    rules: dict[str, tuple[Rule, float]]
    skipped: Tensor | bool


class StepSampler:
    """Measures single steps of an optimizer: the first of each epoch and every `every`-th after it.

    With `last`, steps are counted back from that one instead, and later ones are not sampled: an incomplete last batch
    has fewer images, so a noisier gradient and a longer step. An epoch is what lies between two calls of `epoch_end`.
    Its steps are counted as the optimizer takes them, without those that torch's GradScaler skips. The values stay on
    the device until the epoch ends.

    `levels` holds the level of `step_angle` of each layer in the epoch that ended last, by the rate, weight decay and
    momentum of its parameter group at the sampled steps; NaN for an optimizer that is not in `RULES`. Only
    scale-invariant layers reach it (`scale_invariant_layers`).
    """

    MEASURED = ("angular_update", "l2_change", "displacement")

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        every: int,
        last: int | None = None,
        layers: Choice = None,
    ) -> None:
        """Hook into any optimizer; `layers` and the memory layouts are as for `LayerTracker`.

        ValueError if `every` or `last` is not positive.
        """
        _check_positive(every=every, last=1 if last is None else last)
        self.every, self.last = every, last
        self.levels: dict[str, float] = {}
        self._notices = Notices()
        self._selection = Selection(model, layers, self._notices)
        self._optimizer = optimizer = innermost(optimizer)
        self._before: Weights = {}
        self._begin()
        optimizer.register_step_pre_hook(lambda *_: self._step_begins())
        optimizer.register_step_post_hook(lambda *_: self._step_ends())

    def epoch_end(self, displacement: Mapping[str, float] | None = None) -> dict[str, dict[str, float]]:
        """Return {measurement: {layer: value}} of the epoch for the names in `STEP_FORMULAS`; empty without a sample.

        `displacement` is each layer's distance between the epoch's two ends (2-norm), as `LayerTracker` measures it;
        layers without one have no straightness.
        """
        samples = [each for each in self._samples if not each.skipped]
        samples = [each for each in samples if each.layers == samples[-1].layers]  # of the model as it is now
        steps = self._step - int(self._skipped)
        self._begin()
        self.levels = {}
        if not samples:
            return {name: {} for name in STEP_FORMULAS}
        layers, rules = samples[-1].layers, samples[-1].rules
        angles, ratios, sizes = torch.stack([each.values for each in samples]).unbind(1)
        rms_angles, rms_sizes = (values.square().mean(0).sqrt().tolist() for values in (angles, sizes))
        for layer in layers:
            self.levels[layer] = math.sqrt(fmean(each.rules[layer][1] for each in samples))
        straightness = {
            layer: straight(displacement[layer], size, steps, rules[layer][0])
            for layer, size in zip(layers, rms_sizes, strict=True)
            if displacement and layer in displacement
        }
        by_layer = (dict(zip(layers, row, strict=True)) for row in (rms_angles, ratios[-1].tolist()))
        return dict(zip(STEP_FORMULAS, (*by_layer, straightness), strict=True))

    def _begin(self) -> None:
        self._step = 0
        self._skipped: Tensor | int = 0
        self._samples: list[_Sample] = []

    @torch.inference_mode(False)
    @torch.no_grad()
    def _step_begins(self) -> None:
        self._step += 1
        if self._is_sampled():
            parts = {layer: measurable(weight) for layer, weight in self._selection.now().items()}
            self._before = {layer: buffer_for(part, self._before.get(layer)) for layer, part in parts.items()}
            for layer, part in parts.items():
                self._before[layer].copy_(part)

    def _step_ends(self) -> None:
        found_inf = getattr(self._optimizer, "found_inf", None)  # set for optimizers that skip the step themselves
        skipped: Tensor | bool = False if found_inf is None else found_inf.detach() > 0
        self._skipped = self._skipped + skipped
        if self._is_sampled():
            weights = {layer: weight for layer, weight in self._selection.now().items() if layer in self._before}
            values = measure_layers(self._before, weights, self.MEASURED, failed=self._notices.say_failed)
            self._samples.append(_Sample(tuple(weights), values, self._rules(weights), skipped))

    def _is_sampled(self) -> bool:
        if self.last is None:
            return (self._step - 1) % self.every == 0
        return self._step <= self.last and (self.last - self._step) % self.every == 0

    def _rules(self, layers: Iterable[str]) -> dict[str, tuple[Rule, float]]:
        """Return the rule of each layer's parameter group and the square of its level, as they are now."""
        groups = {id(tensor): group for group in self._optimizer.param_groups for tensor in group["params"]}
        parameters = self._selection.parameters
        its = {
            layer: next((groups[id(tensor)] for tensor in parameters[layer].stored if id(tensor) in groups), {})
            for layer in layers
        }
        return {layer: _rule_and_level(self._optimizer, group) for layer, group in its.items()}


def _check_positive(**given: int) -> None:
    for name, value in given.items():
        if value < 1:
            raise ValueError(f"{name}={value} must be a positive number of steps")


def _rule_and_level(optimizer: torch.optim.Optimizer, group: Mapping[str, Any]) -> tuple[Rule, float]:
    rule = rule_of(optimizer, group)
    decay = float(group.get("lr", math.nan)) * float(group.get("weight_decay", math.nan))
    return rule, 2 * decay / rule.angle_divisor
