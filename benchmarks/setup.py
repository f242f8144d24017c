"""What the benchmarks share: real FMNIST and a network, built as a study builds them."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Generator, nn

from data.loader import Loader, load
from data.prepared import Prepared, prepare
from models import ARCHITECTURES
from pipeline.config.resolve import load_config
from pipeline.config.settings import Config
from pipeline.training.streams import stream_seed

BATCH = 128


class Bench(NamedTuple):
    config: Config
    prepared: Prepared

    def loaders(self, batch_size: int = BATCH) -> dict[str, Loader]:
        generator = Generator(self.config.device).manual_seed(stream_seed("batches", 0))
        return load(self.prepared, batch_size=batch_size, val_split=0, generator=generator)

    def network(self, name: str, *, memory_format: torch.memory_format = torch.channels_last) -> nn.Module:
        torch.manual_seed(0)
        model = ARCHITECTURES[name].build(input_channels=1, num_classes=10)
        return model.to(self.config.device).to(memory_format=memory_format)


def optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """SGD as in a study, at a rate at which nothing grows."""
    return torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9, weight_decay=1e-4, fused=True)


def bench(data_dir: str) -> Bench:
    config = load_config({"dataset": "FMNIST", "data_dir": data_dir, "seeds": "0"})
    return Bench(config, prepare(config.data, Path(config.data_dir)))
