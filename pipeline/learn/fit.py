"""The training loop: a generator that yields a report after each epoch, and logs nothing."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from data.loader import Loader
from pipeline.epoch import EpochReport
from pipeline.measure.steps import StepSampler, StepTracker
from pipeline.measure.sweep import Weights
from pipeline.measure.tracker import LayerTracker

Batches = Iterable[tuple[Tensor, Tensor]]


class Diverged(Exception):
    """The training loss is not finite; the message says in which epoch and step."""


def fit(
    model: nn.Module,
    loaders: Mapping[str, Loader],
    optimizer: torch.optim.Optimizer,
    *,
    epochs: int,
    precision: str,
    after: int = 0,
    start: Weights | None = None,
    steps: StepTracker | None = None,
    samples: StepSampler | None = None,
    watch: Callable[[int, Loader], Batches] = lambda _epoch, loader: loader,
) -> Iterator[EpochReport]:
    """Train on `loaders["train"]`, evaluate on the others, and yield after every epoch; raise Diverged.

    The first epoch is the one after `after`: 1, or where a checkpoint goes on.

    `watch` wraps the training batches of an epoch, for a progress bar. Training accuracy is that of the batches as they
    were trained on. `start` holds the initial weights of the layers where the model goes on; `steps` measures RWC
    within epochs as well, `samples` single steps.
    """
    tracker = LayerTracker(model, start=start)
    started = time.perf_counter()
    for epoch in range(after + 1, epochs + 1):
        scores = {"train": train_pass(model, watch(epoch, loaders["train"]), optimizer, epoch, precision, steps)}
        for part, loader in loaders.items():
            if part != "train":
                scores[part] = evaluation_pass(model, loader, precision, where=f"epoch {epoch}, evaluation on {part}")
        layers = tracker.epoch_end()
        if samples:
            layers |= samples.epoch_end(layers["displacement"])
        finished = time.perf_counter()
        yield EpochReport(
            epoch=epoch,
            losses={part: loss for part, (loss, _accuracy) in scores.items()},
            accuracies={part: accuracy for part, (_loss, accuracy) in scores.items()},
            layers=layers,
            steps=steps.collect() if steps else {},
            seconds=finished - started,
        )
        started = finished


def train_pass(
    model: nn.Module,
    batches: Batches,
    optimizer: torch.optim.Optimizer,
    epoch: int,
    precision: str,
    steps: StepTracker | None,
) -> tuple[float, float]:
    model.train()
    losses, correct, sizes = [], [], []
    for images, labels in batches:
        with autocast(images, precision):
            logits = model(images)
            loss = cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no types
        optimizer.step()
        if steps:
            steps.step_end()
        losses.append(loss.detach())
        correct.append((logits.detach().argmax(1) == labels).sum())
        sizes.append(len(labels))
    return _score(losses, correct, sizes, where=f"epoch {epoch}")


@torch.inference_mode()
def evaluation_pass(model: nn.Module, batches: Batches, precision: str, *, where: str) -> tuple[float, float]:
    model.eval()
    losses, correct, sizes = [], [], []
    for images, labels in batches:
        with autocast(images, precision):
            logits = model(images)
        losses.append(cross_entropy(logits.float(), labels))
        correct.append((logits.argmax(1) == labels).sum())
        sizes.append(len(labels))
    return _score(losses, correct, sizes, where=where)


def _score(losses: list[Tensor], correct: list[Tensor], sizes: list[int], *, where: str) -> tuple[float, float]:
    """Return the mean loss and the accuracy in percent: the only wait for the device in a pass over the data."""
    by_step = torch.stack(losses).float().tolist()
    for step, loss in enumerate(by_step, start=1):
        if not math.isfinite(loss):
            raise Diverged(f"the loss is {loss} in {where}, step {step}: try a lower lr")
    total = sum(sizes)
    mean = sum(loss * size for loss, size in zip(by_step, sizes, strict=True)) / total
    return mean, 100 * int(torch.stack(correct).sum()) / total


def autocast(images: Tensor, precision: str) -> AbstractContextManager[None]:
    return torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
