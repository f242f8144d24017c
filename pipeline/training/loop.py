"""The training loop over the batches of an epoch, and their evaluation; `Trainer.run` repeats both."""

from collections.abc import Iterable
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pipeline.training.scores import Scores

Batches = Iterable[tuple[Tensor, Tensor]]


def train_epoch(
    model: nn.Module, batches: Batches, optimizer: torch.optim.Optimizer, precision: str, scores: Scores
) -> None:
    """Take a step on every batch; its loss and accuracy are those before the step."""
    model.train()
    for images, labels in batches:
        with autocast(images, precision):
            logits = model(images)
            loss = cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no types
        optimizer.step()
        scores.add(logits, labels, loss)


@torch.inference_mode()
def evaluate(model: nn.Module, batches: Batches, precision: str, scores: Scores) -> None:
    model.eval()
    for images, labels in batches:
        with autocast(images, precision):
            logits = model(images)
        scores.add(logits, labels, cross_entropy(logits.float(), labels))


def autocast(images: Tensor, precision: str) -> AbstractContextManager[None]:
    return torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
