"""Measurements within epochs: RWC over a number of steps, and the length and angle of single steps."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .equilibrium import straightness
from .layers import measure_layers
from .memory import buffer_for
from .tracker import LayerTracker
from .weights import copy_of, layer_weights

STEP_FORMULAS = {  # of `StepSampler.epoch_end`, in its order
    "step_angle": "root mean square angle of single steps, radians",
    "step_ratio": "||after - before|| / ||before|| of the epoch's last sampled step",
    "straightness": "displacement / that of a random walk with momentum whose steps are as long",
}


class StepTracker(LayerTracker):
    """Measures RWC over every `every` steps; the values stay on the device until they are collected."""

    def __init__(self, model: nn.Module, *, every: int, layers: Iterable[str] | None = None) -> None:
        super().__init__(model, ["rwc"], initial={}, layers=layers)
        self.every = every
        self.step = 0
        self._waiting: dict[int, Tensor] = {}

    def step_end(self) -> None:
        self.step += 1
        if self.step % self.every == 0:
            self._waiting[self.step] = self._advance()[0]

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
        collected = {step: self._by_layer(row.tolist()) for step, row in self._waiting.items()}
        self._waiting.clear()
        return collected


class StepSampler:
    """Measures every `every`-th step of an optimizer, counted back from the last whole batch of each epoch.

    So each epoch has at least one sample, and epochs are independent. The step of an incomplete last batch is skipped:
    fewer images give a noisier gradient and a longer step. The values stay on the device until the epoch ends.
    """

    MEASURED = ("angular_update", "l2_change", "displacement")

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        every: int,
        steps: int,
        whole: int | None = None,
        layers: Iterable[str] | None = None,
    ) -> None:
        """Hook into an SGD optimizer that takes `steps` steps an epoch, the first `whole` (or all) on whole batches.

        `layers` and the memory layouts are as for `LayerTracker`. KeyError for an optimizer without `momentum`.
        """
        self.every, self.steps = every, steps
        self._left_out = steps - (whole or steps)  # without a whole batch, all steps count
        self.momentum: float = optimizer.param_groups[0]["momentum"]
        self._model = model
        self._before = copy_of(layer_weights(model, layers))
        self._left = steps
        self._samples: list[Tensor] = []
        optimizer.register_step_pre_hook(lambda *_: self._step_begins())
        optimizer.register_step_post_hook(lambda *_: self._step_ends())

    def epoch_end(self, displacement: Mapping[str, float]) -> dict[str, dict[str, float]]:
        """Return {measurement: {layer: value}} of the epoch for the names in `STEP_FORMULAS`.

        `displacement` is each layer's distance between the epoch's two ends (2-norm), as `LayerTracker` measures it.
        """
        angles, ratios, sizes = torch.stack(self._samples).unbind(1)
        self._samples, self._left = [], self.steps
        rms_angles, rms_sizes = (values.square().mean(0).sqrt() for values in (angles, sizes))
        straight = [
            straightness(far, size, steps=self.steps, momentum=self.momentum)
            for far, size in zip(displacement.values(), rms_sizes.tolist(), strict=True)
        ]
        measured = zip(STEP_FORMULAS, (rms_angles.tolist(), ratios[-1].tolist(), straight), strict=True)
        return {name: dict(zip(self._before, values, strict=True)) for name, values in measured}

    def _step_begins(self) -> None:
        self._left -= 1
        if self._is_sampled():
            weights = layer_weights(self._model, self._before)  # a model that was moved has new tensors
            self._before = {layer: buffer_for(weight, self._before[layer]) for layer, weight in weights.items()}
            for layer, weight in weights.items():
                self._before[layer].copy_(weight)

    def _step_ends(self) -> None:
        if self._is_sampled():
            self._samples.append(measure_layers(self._before, layer_weights(self._model, self._before), self.MEASURED))

    def _is_sampled(self) -> bool:
        after = self._left - self._left_out
        return after >= 0 and after % self.every == 0
