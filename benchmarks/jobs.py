"""e: two seeds side by side, a thread each, against one after another with both threads; real studies."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
import numpy as np
from mlflow.entities import Run

from benchmarks.report import ROOT, Figure
from benchmarks.rounds import ratio
from benchmarks.setup import Bench

IMAGES, TEST_IMAGES, EPOCHS, ROUNDS = 6000, 1000, 2, 3


def figures(bench: Bench) -> Iterator[Figure]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        prepared = bench.prepared
        np.savez(
            folder / "part.npz",
            x_train=prepared.x_train[:IMAGES].numpy(),
            y_train=prepared.y_train[:IMAGES].numpy(),
            x_test=prepared.x_test[:TEST_IMAGES].numpy(),
            y_test=prepared.y_test[:TEST_IMAGES].numpy(),
        )
        seconds: dict[int, list[float]] = {1: [], 2: []}
        for number in range(ROUNDS):
            for jobs in (1, 2) if number % 2 == 0 else (2, 1):
                seconds[jobs].append(_study(folder, jobs, number))
    gain = ratio(seconds[1], seconds[2])
    what = f"jobs=2: AlexNet, 2 seeds x {EPOCHS} epochs of {IMAGES:,} images of FMNIST"
    yield Figure(what, "jobs=1, the same threads in all", str(gain), "at least 1.05", gain.at_least(1.05))


def _study(folder: Path, jobs: int, number: int) -> float:
    """Return the seconds from the first seed's start to the last one's end, starting the processes left out."""
    uri = f"sqlite:///{folder}/{jobs}-{number}.db"
    given = {"model_name": "AlexNet", "dataset": f"{folder}/part.npz", "seeds": "0,1", "epochs": EPOCHS, "jobs": jobs}
    options = [f"--{name}={value}" for name, value in {**given, "target_val_acc": "none", "data_dir": folder}.items()]
    subprocess.run(
        [sys.executable, "-m", "pipeline", "study", *options],
        cwd=ROOT,
        env={**os.environ, "MLFLOW_TRACKING_URI": uri},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    runs: list[Run] = mlflow.MlflowClient(uri).search_runs(["0"], "tags.`layerwise.kind` = 'seed'")
    by_seed = [
        sum(point.value for point in mlflow.MlflowClient(uri).get_metric_history(run.info.run_id, "epoch_seconds"))
        for run in runs
    ]
    return sum(by_seed) if jobs == 1 else max(by_seed)
