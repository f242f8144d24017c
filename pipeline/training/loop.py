"""The training loop: a generator that yields a report after each epoch, and logs nothing."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from data.loader import Loader
from pipeline.measure import MEASUREMENTS
from pipeline.measure.layers import Weights
from pipeline.measure.steps import StepSampler, StepTracker
from pipeline.measure.tracker import LayerTracker
from pipeline.tracking.epoch import EpochReport
from pipeline.training.distributed import ALONE, Devices
from pipeline.training.scores import Scores

Batches = Iterable[tuple[Tensor, Tensor]]


def unwatched(_epoch: int, loader: Loader) -> Batches:
    return loader


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
    devices: Devices = ALONE,
    measurements: Iterable[str] = MEASUREMENTS,
    watch: Callable[[int, Loader], Batches] = unwatched,
) -> Iterator[EpochReport]:
    """Train on `loaders["train"]`, evaluate on the others, and yield after every epoch; raise Diverged.

    The first epoch is the one after `after`: 1, or where a checkpoint goes on.

    `watch` wraps the training batches of an epoch, for a progress bar. Training accuracy is that of the batches as they
    were trained on. `start` holds the initial weights of the layers where the model goes on; `steps` measures RWC
    within epochs as well, `samples` single steps. Where several `devices` share the batches, each runs this loop in a
    process of its own, and all get the same losses and accuracies.
    """
    learner = devices.wrap(model)
    tracker = LayerTracker(model, measurements, initial=start)
    started = time.perf_counter()
    for epoch in range(after + 1, epochs + 1):
        devices.begin(epoch)
        batches = watch(epoch, loaders["train"])
        scores = {"train": train_pass(learner, batches, optimizer, epoch, precision, steps, devices)}
        devices.copy_buffers(model)
        for part, loader in loaders.items():
            if part != "train":
                where = f"epoch {epoch}, evaluation on {part}"
                scores[part] = evaluation_pass(model, loader, precision, where=where, devices=devices)
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
    devices: Devices = ALONE,
) -> tuple[float, float]:
    model.train()
    scores = Scores()
    for batch in batches:
        share = devices.share(*batch)
        with autocast(share.images, precision):
            logits = model(share.images)
            loss = cross_entropy(logits, share.labels)
        optimizer.zero_grad()
        devices.backward(loss, share.weight)
        optimizer.step()
        if steps:
            steps.step_end()
        scores.add(share, logits, loss)
    return scores.means(devices, where=f"epoch {epoch}")


@torch.inference_mode()
def evaluation_pass(
    model: nn.Module, batches: Batches, precision: str, *, where: str, devices: Devices = ALONE
) -> tuple[float, float]:
    model.eval()
    scores = Scores()
    for batch in batches:
        share = devices.share(*batch)
        with autocast(share.images, precision):
            logits = model(share.images)
        scores.add(share, logits, cross_entropy(logits.float(), share.labels))
    return scores.means(devices, where=where)


def autocast(images: Tensor, precision: str) -> AbstractContextManager[None]:
    return torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
