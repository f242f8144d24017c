"""Benchmarks on Digits, in few and short rounds."""

from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

from benchmarks import epoch
from benchmarks.peak import SIDES
from benchmarks.setup import Bench
from data.prepared import prepare
from pipeline.config.resolve import load_config


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Digits in place of FMNIST, and a store in an empty folder."""
    config = load_config({"dataset": "Digits", "data_dir": str(tmp_path / "data"), "seeds": "0", "device": "cpu"})
    before, store = mlflow.get_tracking_uri(), f"sqlite:///{tmp_path}/bench.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    mlflow.set_tracking_uri(store)  # Lightning's logger sets it for the whole process
    yield Bench(config, prepare(config.data, Path(config.data_dir)))
    mlflow.set_tracking_uri(before)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """One step a block, two rounds."""
    monkeypatch.setitem(epoch.CASES, "AlexNet", epoch.Case("AlexNet", 2, 1, 1.06, 1.8))
    monkeypatch.setattr(epoch, "STEPS", 1)
    monkeypatch.setitem(SIDES, "cpu", 64)
