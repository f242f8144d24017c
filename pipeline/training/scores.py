"""The mean loss and the accuracy of a pass over the data, from what each step of it gave."""

import math

import torch
from torch import Tensor

from pipeline.console.errors import Failure
from pipeline.training.distributed import Devices, Share


class Diverged(Failure):
    """The loss is not finite; the message says in which epoch and step."""


class Scores:
    """Losses and right answers of each step; they wait on the devices until the pass is over."""

    def __init__(self) -> None:
        self._losses: list[Tensor] = []
        self._correct: list[Tensor] = []
        self._counts: list[tuple[float, float]] = []
        self._sizes: list[int] = []

    def add(self, share: Share, logits: Tensor, loss: Tensor) -> None:
        self._losses.append(loss.detach())
        self._correct.append((logits.detach().argmax(1) == share.labels).sum())
        self._counts.append((share.weight, 1 / share.copies))
        self._sizes.append(share.size)

    def means(self, devices: Devices, *, where: str) -> tuple[float, float]:
        """Return the mean loss and the accuracy in percent: the only wait for the device in a pass; raise Diverged."""
        steps = torch.stack([torch.stack(self._losses).float(), torch.stack(self._correct).float()], dim=1)
        losses, correct = zip(*devices.sum(steps, self._counts).tolist(), strict=True)
        for step, loss in enumerate(losses, start=1):
            if not math.isfinite(loss):
                raise Diverged(f"the loss is {loss} in {where}, step {step}: try a lower lr")
        total = sum(self._sizes)
        mean = sum(loss * size for loss, size in zip(losses, self._sizes, strict=True)) / total
        return mean, 100 * sum(correct) / total
