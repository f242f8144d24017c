"""Seeds trained on one device or several, without MLflow: a small augmented data set and two networks for them."""

from collections.abc import Callable, Iterator
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from data.prepared import prepare
from pipeline.config.resolve import load_config
from pipeline.config.settings import Config
from pipeline.training.epoch_result import EpochResult
from pipeline.training.launch import devices_of
from pipeline.training.setup import make_trainer

NETWORKS = """
from torch import nn

class Plain(nn.Module):
    def __init__(self, *, input_channels, num_classes):
        super().__init__()
        self.conv = nn.Conv2d(input_channels, 8, 3, stride=2)
        self.fc = nn.Linear(8 * 15 * 15, num_classes)
        self.unused = nn.Linear(2, 2)

    def forward(self, images):
        return self.fc(self.conv(images).relu().flatten(1))

class Normed(Plain):
    def __init__(self, *, input_channels, num_classes):
        super().__init__(input_channels=input_channels, num_classes=num_classes)
        self.norm, self.drop = nn.BatchNorm2d(8), nn.Dropout(0.3)

    def forward(self, images):
        return self.fc(self.drop(self.norm(self.conv(images)).relu().flatten(1)))
"""
Train = Callable[..., tuple[list[EpochResult], list[dict[str, Any]]]]


@pytest.fixture
def configure(tmp_path: Path) -> Callable[..., Config]:
    """Return a maker of configurations for a small CIFAR-10, which is augmented, with `images` training images."""
    file = tmp_path / "networks.py"

    def make(network: str = "Plain", *, images: int = 35, code: str = "", **given: Any) -> Config:
        draws, arrays = np.random.default_rng(0), {}
        for part, count in (("train", images), ("test", 21)):
            arrays[f"x_{part}"] = draws.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
            arrays[f"y_{part}"] = (np.arange(count) % 10).astype(np.uint8)
        np.savez(tmp_path / "cifar-10.npz", **arrays)
        file.write_text(NETWORKS + code)
        common = {"dataset": "CIFAR-10", "data_dir": str(tmp_path), "batch_size": 15, "epochs": 3, "lr": 0.02}
        common |= {"device": "cpu", "precision": "fp32", "compile": "false", "threads": 1, "target_val_acc": "none"}
        return load_config(common | {"model_name": f"{file}:{network}"} | given)

    return make


@pytest.fixture
def train() -> Iterator[Train]:
    """Return a trainer of seed 0: the results of its epochs, and what checkpoints after them would hold."""
    threads = torch.get_num_threads()

    def train_seed(
        config: Config, *, after_epoch: Callable[[int], None] = lambda _epoch: None, state: dict[str, Any] | None = None
    ) -> tuple[list[EpochResult], list[dict[str, Any]]]:
        trainer = make_trainer(config, 0, prepare(config.data, Path(config.data_dir)))
        results, states = [], []
        if state:
            trainer.restore(state)
        with devices_of(config, 0) as devices:
            devices.broadcast(state)
            for result in trainer.run(devices):
                results.append(result)
                states.append(trainer.state())
                after_epoch(result.epoch)
        return results, states

    yield train_seed
    torch.set_num_threads(threads)
    assert not active_children()
