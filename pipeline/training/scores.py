"""The mean loss and the accuracy of a pass over the data."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pipeline.console.errors import Failure


class Diverged(Failure):
    """The loss is not finite; the message says in which epoch and step."""


class Scores:
    """Losses and correct answers of each step; they stay on the device until the pass is over.

    `total` sums float64 values over all devices that share the batches.
    """

    def __init__(self, total: Callable[[Tensor], Tensor] = lambda values: values) -> None:
        self._total = total
        self._losses: list[Tensor] = []
        self._correct: list[Tensor] = []
        self._sizes: list[int] = []

    def add(self, logits: Tensor, labels: Tensor, loss: Tensor) -> None:
        """Add a step: `loss` is the mean over its images."""
        self._losses.append(loss.detach())
        self._correct.append((logits.detach().argmax(1) == labels).sum())
        self._sizes.append(len(labels))

    def means(self, *, where: str) -> tuple[float, float]:
        """Return the mean loss and the accuracy in percent; raise Diverged. The only wait for the device in a pass."""
        sums, correct = torch.stack(self._losses).double(), torch.stack(self._correct).double()
        sizes = torch.tensor(self._sizes, dtype=torch.float64, device=sums.device)
        steps = self._total(torch.stack([sums * sizes, correct, sizes], dim=1)).tolist()
        for step, (loss, _correct, size) in enumerate(steps, start=1):
            if not math.isfinite(loss):
                raise Diverged(f"the loss is {loss / size} in {where}, step {step}: try a lower lr")
        losses, right, images = (sum(column) for column in zip(*steps, strict=True))
        return losses / images, 100 * right / images
