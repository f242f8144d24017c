"""b-agreement: seeds with small maps in their fast forms, and with plain convolutions: losses, and RWC by layer."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator

from benchmarks.report import Figure
from benchmarks.setup import BATCH, Bench
from data.loader import load
from pipeline.training.small_maps import convolve_small_maps
from pipeline.training.streams import stream_seed
from pipeline.training.trainer import Trainer

IMAGES, TEST_IMAGES = 6000, 1000
CASES = {"AlexNet": (3, 5), "ResNet18": (2, 2), "VGG19": (2, 2)}  # seeds, epochs
LR = {"AlexNet": 0.1, "ResNet18": 0.1, "VGG19": 0.05}


class Trained(NamedTuple):
    """Training loss, seeds x epochs, and RWC, seeds x epochs x layers."""

    losses: NDArray[np.float64]
    rwc: NDArray[np.float64]


def figures(bench: Bench, name: str) -> Iterator[Figure]:
    seeds, epochs = CASES[name]
    plain, fast = (_train(bench, name, fast=fast) for fast in (False, True))
    what = (
        f"{name}, {bench.config.precision}, {seeds} seeds x {epochs} epochs of {IMAGES:,} images of FMNIST, fast forms"
    )
    apart = np.abs(fast.losses.mean(axis=0) - plain.losses.mean(axis=0)).max()
    spread = np.ptp(plain.losses, axis=0).max()
    yield Figure(f"{what}: training loss of an epoch", "plain convolutions", f"means at most {apart:.2g} apart",
                 f"within {spread:.2g}, the widest spread of plain seeds", bool(apart <= spread))  # fmt: skip
    ratios = fast.rwc.mean(axis=0) / plain.rwc.mean(axis=0)
    widest = (plain.rwc.max(axis=0) / plain.rwc.min(axis=0)).max()
    within = bool(max(ratios.max(), 1 / ratios.min()) <= widest)
    yield Figure("RWC of every layer and epoch, mean over the seeds", "plain convolutions",
                 f"{ratios.min():.3f} to {ratios.max():.3f} times, median {np.median(ratios):.3f}",
                 f"within a factor of {widest:.2f}, the widest spread of plain seeds", within)  # fmt: skip


def _train(bench: Bench, name: str, *, fast: bool) -> Trained:
    seeds, _epochs = CASES[name]
    found = [_train_seed(bench, name, seed, fast=fast) for seed in range(seeds)]
    return Trained(*(np.stack(each) for each in zip(*found, strict=True)))


def _train_seed(bench: Bench, name: str, seed: int, *, fast: bool) -> Trained:
    prepared = bench.prepared
    part = replace(
        prepared,
        x_train=prepared.x_train[:IMAGES],
        y_train=prepared.y_train[:IMAGES],
        x_test=prepared.x_test[:TEST_IMAGES],
        y_test=prepared.y_test[:TEST_IMAGES],
    )
    generator = Generator(bench.config.device).manual_seed(stream_seed("batches", seed))
    model = bench.network(name, seed=seed)
    if fast:
        convolve_small_maps(model, bench.config.device)
    sgd = torch.optim.SGD(model.parameters(), lr=LR[name], momentum=0.9, weight_decay=1e-4, fused=True)
    loaders = load(part, batch_size=BATCH, val_split=0, generator=generator)
    trainer = Trainer(
        model, loaders, sgd, epochs=CASES[name][1], precision=bench.config.precision, measurements=("rwc",)
    )
    results = list(trainer.run())
    losses = np.array([result.losses["train"] for result in results])
    return Trained(losses, np.array([list(result.layers["rwc"].values()) for result in results]))
