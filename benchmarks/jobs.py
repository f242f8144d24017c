"""e: two seeds side by side, a thread each, against one after another with both threads; real studies."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
import numpy as np
from mlflow.entities import Metric, Run

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
    given = {"model_name": "AlexNet", "dataset": f"{folder}/part.npz", "seeds": "0,1", "epochs": EPOCHS, "jobs": jobs}
    seeds = run_study(f"sqlite:///{folder}/{jobs}-{number}.db", {**given, "target_val_acc": "none", "data_dir": folder})
    by_seed = [sum(point.value for point in points) for points in seeds]
    return sum(by_seed) if jobs == 1 else max(by_seed)


def run_study(store: str, given: Mapping[str, object]) -> list[list[Metric]]:
    """Run a study in a process of its own; return the points of `epoch_seconds` of each seed, by epoch."""
    subprocess.run(
        [sys.executable, "-m", "pipeline", "study", *(f"--{name}={value}" for name, value in given.items())],
        cwd=ROOT,
        env={**os.environ, "MLFLOW_TRACKING_URI": store},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    client = mlflow.MlflowClient(store)
    runs: list[Run] = client.search_runs(["0"], "tags.`layerwise.kind` = 'seed'")
    points = [client.get_metric_history(run.info.run_id, "epoch_seconds") for run in runs]
    return [sorted(each, key=lambda point: point.step) for each in points]
