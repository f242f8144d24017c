"""What the benchmarks share: a data set and a network, built as a study builds them, and a plain step."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Generator, nn
from torch.nn.functional import cross_entropy

from data.loader import Loader, load
from data.prepared import Prepared, prepare
from models import find
from pipeline.config.resolve import load_config
from pipeline.config.settings import Config
from pipeline.training.loop import autocast
from pipeline.training.streams import stream_seed

BATCH = 128


class Bench(NamedTuple):
    config: Config
    prepared: Prepared

    def loaders(self, batch_size: int = BATCH) -> dict[str, Loader]:
        generator = Generator(self.config.device).manual_seed(stream_seed("batches", 0))
        return load(self.prepared, batch_size=batch_size, val_split=0, generator=generator)

    def network(
        self, name: str, *, memory_format: torch.memory_format = torch.channels_last, seed: int = 0
    ) -> nn.Module:
        torch.manual_seed(seed)
        channels, classes = self.prepared.manifest.channels_and_classes
        model = find(name).build(input_channels=channels, num_classes=classes)
        return model.to(self.config.device).to(memory_format=memory_format)


def optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """SGD as in a study, at a rate at which nothing grows."""
    return torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9, weight_decay=1e-4, fused=True)


def plain_step(bench: Bench, model: nn.Module, precision: str) -> Callable[[], None]:
    """Return a step of training on one fixed batch, and nothing around it; the caller sets `model.train()`."""
    sgd = optimizer(model)
    images, labels = next(iter(bench.loaders()["train"]))

    def step() -> None:
        with autocast(images, precision):
            loss = cross_entropy(model(images), labels)
        sgd.zero_grad()
        loss.backward()
        sgd.step()

    return step


def plain_forward(bench: Bench, model: nn.Module, precision: str) -> Callable[[], None]:
    """Return an evaluation of one fixed batch, and nothing around it; the caller sets `model.eval()`."""
    images, _labels = next(iter(bench.loaders()["test"]))

    @torch.inference_mode()
    def forward() -> None:
        with autocast(images, precision):
            model(images)

    return forward


def bench(data_dir: str) -> Bench:
    config = load_config({"dataset": "FMNIST", "data_dir": data_dir, "seeds": "0"})
    return Bench(config, prepare(config.data, Path(config.data_dir)))


def apart(function: Callable[..., Any], *arguments: object) -> Any:
    """Return what a function returns in a new process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(function, *arguments).result()
