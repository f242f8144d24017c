"""What happens within epochs: RWC over every so many steps, and the size and angle of single steps."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .equilibrium import straightness
from .layers import measure_layers
from .memory import buffer_for
from .tracker import LayerTracker, copy_of, layer_weights


class StepTracker(LayerTracker):
    """RWC over every so many steps; the values wait on the device until they are collected."""

    def __init__(self, model: nn.Module, *, every: int) -> None:
        super().__init__(model, ["rwc"], start={})
        self.every = every
        self.step = 0
        self._waiting: dict[int, Tensor] = {}

    def step_end(self) -> None:
        self.step += 1
        if self.step % self.every == 0:
            self._waiting[self.step] = self._advance()[0]

    def state(self) -> dict[str, Any]:
        """Return, not copied, what going on needs: the step, and the weights at the last measurement."""
        return {"step": self.step, "before": self.before}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state, at the end of an epoch."""
        self.step = state["step"]
        for layer, weight in self.before.items():
            weight.copy_(state["before"][layer])

    def collect(self) -> dict[int, dict[str, float]]:
        """Return {step: {layer: RWC}} of the steps that were measured since the last call; steps count from 1."""
        collected = {step: self._by_layer(row.tolist()) for step, row in self._waiting.items()}
        self._waiting.clear()
        return collected


class StepSampler:
    """Measures single steps of an optimizer, every so many of them, counted back from an epoch's last whole batch.

    So every epoch has one at least, and needs to know nothing of the one before. The step of a last batch that is not
    whole is left out: fewer images make a noisier gradient, and a longer step. The values wait on the device until the
    epoch ends.
    """

    MEASURED = ("angular_update", "l2_change", "displacement")

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, *, every: int, steps: int, whole: int | None = None
    ) -> None:
        """Watch an optimizer that takes so many steps an epoch, the first `whole` of them (all) on whole batches.

        As for `LayerTracker`, weights may have any layout in memory. KeyError for an optimizer without `momentum`: it
        is for SGD.
        """
        self.every, self.steps = every, steps
        self._left_out = steps - (whole or steps)  # all count where none is whole
        self.momentum: float = optimizer.param_groups[0]["momentum"]
        self._model = model
        self._before = copy_of(layer_weights(model))
        self._left = steps
        self._samples: list[Tensor] = []
        optimizer.register_step_pre_hook(lambda *_: self._step_begins())
        optimizer.register_step_post_hook(lambda *_: self._step_ends())

    def epoch_end(self, displacement: Mapping[str, float]) -> dict[str, dict[str, float]]:
        """Return {measurement: {layer: value}} of the epoch, in which each layer came so far (2-norm).

        `step_angle` is the root mean square angle of the steps, radians; `step_ratio` is ||w_after - w_before|| /
        ||w_before|| of the last one; `straightness` see there.
        """
        angles, ratios, sizes = torch.stack(self._samples).unbind(1)
        self._samples, self._left = [], self.steps
        rms_angles, rms_sizes = (values.square().mean(0).sqrt() for values in (angles, sizes))
        straight = [
            straightness(far, size, steps=self.steps, momentum=self.momentum)
            for far, size in zip(displacement.values(), rms_sizes.tolist(), strict=True)
        ]
        measured = {"step_angle": rms_angles.tolist(), "step_ratio": ratios[-1].tolist(), "straightness": straight}
        return {name: dict(zip(self._before, values, strict=True)) for name, values in measured.items()}

    def _step_begins(self) -> None:
        self._left -= 1
        if self._is_sampled():
            weights = layer_weights(self._model)  # a network that was moved meanwhile has them elsewhere
            self._before = {layer: buffer_for(weight, self._before[layer]) for layer, weight in weights.items()}
            torch._foreach_copy_(list(self._before.values()), list(weights.values()))

    def _step_ends(self) -> None:
        if self._is_sampled():
            self._samples.append(measure_layers(self._before, layer_weights(self._model), self.MEASURED))

    def _is_sampled(self) -> bool:
        after = self._left - self._left_out
        return after >= 0 and after % self.every == 0
