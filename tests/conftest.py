"""What many tests share: a tracking store of their own, a tiny data set, the synthetic histories of a study."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"] = "false"  # they depend on time; one test has them
from pipeline.results.statistics import LAYERS, SCALARS, Histories

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def tiny_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 training and 24 test images of 32 x 32 with two classes: dark and light ones."""
    draws = np.random.default_rng(0)
    parts = {}
    for part, count in (("train", 48), ("test", 24)):
        labels = (np.arange(count) % 2).astype(np.uint8)
        noise = draws.integers(0, 100, (count, 32, 32))
        parts |= {f"x_{part}": (noise + 150 * labels[:, None, None]).astype(np.uint8), f"y_{part}": labels}
    path = tmp_path_factory.mktemp("tiny") / "tiny.npz"
    np.savez(path, **parts)
    return path


@pytest.fixture
def histories() -> Callable[..., Histories]:
    """Return a maker of histories: {seed: epochs it ran} for the layers {layer: group}."""

    def make(epochs_by_seed: dict[int, int], groups: dict[str, str]) -> Histories:
        layers, scalars = [], []
        for seed, epochs in epochs_by_seed.items():
            for epoch in range(1, epochs + 1):
                scalars += [
                    (seed, epoch, metric, value + seed)
                    for metric, value in (
                        ("test_acc", 50.0 + epoch),
                        ("train_acc", 40.0 + epoch),
                        ("test_loss", 2.0 / epoch),
                        ("train_loss", 3.0 / epoch),
                        ("epoch_seconds", 1.5),
                    )
                ]
                for depth, (layer, group) in enumerate(groups.items(), start=1):
                    for metric in ("rwc", "rwc_elementwise"):
                        layers.append((seed, epoch, layer, group, metric, depth / epoch + 0.01 * seed))
        return Histories(pd.DataFrame(scalars, columns=SCALARS), pd.DataFrame(layers, columns=LAYERS))

    return make
