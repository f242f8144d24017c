"""f: seconds and memory of `aggregate -P study=<id>`, against the number of seeds, layers and epochs."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import mlflow
import numpy as np

from benchmarks.report import Figure, peak_megabytes
from benchmarks.setup import Bench
from pipeline.aggregate import aggregate
from pipeline.epoch import EpochReport
from pipeline.tracking.outbox import Outbox
from pipeline.tracking.runs import CONFIG, open_run
from pipeline.tracking.seeds import SeedLog

BASE = (25, 40, 50)
SIZES = (BASE, (50, 40, 50), (100, 40, 50), (25, 80, 50), (25, 160, 50), (25, 40, 100), (25, 40, 200), (100, 75, 150))
GROUPS = 4
LIMIT = 30


@dataclass(frozen=True, kw_only=True)
class Aggregation:
    """One aggregation: `seconds` and `again` (a second time) after the imports, memory in MB at its peak."""

    seeds: int
    layers: int
    epochs: int
    seconds: float
    again: float
    imported: float
    peak: float


def figures(_bench: Bench) -> Iterator[Figure]:
    for size in SIZES:
        found = measure(*size)
        rows = 3 * found.seeds * found.layers * found.epochs / 1e6
        largest = size == SIZES[-1]
        yield Figure(
            f"aggregation of {found.seeds} seeds x {found.layers} layers x {found.epochs} epochs",
            f"{rows:.2f} million values",
            f"{found.seconds:.1f} s, again {found.again:.1f} s; {found.peak:.0f} MB ({found.imported:.0f} of imports)",
            f"under {LIMIT} s" if largest else "",
            found.seconds < LIMIT if largest else None,
        )


def measure(seeds: int, layers: int, epochs: int) -> Aggregation:
    """Write a synthetic study with three measurements a layer, and aggregate it twice, in processes of their own."""
    with TemporaryDirectory() as folder:
        study = _apart(_write_study, folder, seeds, layers, epochs)
        seconds, imported, peak = _apart(_aggregate, folder, study)
        again, _imported, _peak = _apart(_aggregate, folder, study)
    return Aggregation(
        seeds=seeds, layers=layers, epochs=epochs, seconds=seconds, again=again, imported=imported, peak=peak
    )


def _apart(function: Callable[..., Any], *arguments: object) -> Any:
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def _track_to(folder: str) -> None:
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    found = mlflow.get_experiment_by_name("benchmark")
    identity = found.experiment_id if found else mlflow.create_experiment("benchmark", f"{folder}/artifacts")
    os.environ["MLFLOW_EXPERIMENT_ID"] = identity


def _write_study(folder: str, seeds: int, layers: int, epochs: int) -> str:
    """Write what the seeds of a study leave, but for models and all metric points before the last epoch."""
    _track_to(folder)

    class LastPoints(Outbox):
        def add_metrics(self, metrics: Any, step: int) -> None:
            if step == epochs:
                super().add_metrics(metrics, step)

    def group_of(layer: str) -> str:
        return f"block{int(layer.split('.')[1]) * GROUPS // layers + 1}"

    with open_run("study", "Net-Synthetic") as study:
        study.log_text(f"seeds: {','.join(map(str, range(seeds)))}", CONFIG)
        for seed in range(seeds):
            with open_run("seed", f"seed-{seed}", parent=study.id) as run:
                run.log_params({"seed": str(seed), "epochs": str(epochs)})
                log = SeedLog(run, LastPoints(run, Path(folder)), group_of)
                draws = np.random.default_rng(seed)
                for epoch in range(1, epochs + 1):
                    log.log_epoch(_report(epoch, layers, draws))
                log.add_tables()
                log.outbox.close(0)
    return study.id


def _report(epoch: int, layers: int, draws: np.random.Generator) -> EpochReport:
    depth = np.arange(layers) / layers
    change = 0.3 * np.exp(-2 * depth) * epoch ** (-0.2 - 0.5 * depth) * np.exp(0.1 * draws.standard_normal(layers))
    names = [f"stage.{layer}.conv" for layer in range(layers)]
    loss, accuracy = 2.3 / epoch + 0.05 * draws.random(), 100 - 60 / epoch + draws.random()
    return EpochReport(
        epoch=epoch,
        losses={"train": loss, "test": 1.2 * loss},
        accuracies={"train": accuracy, "test": accuracy - 3},
        layers={
            "rwc": dict(zip(names, change.tolist(), strict=True)),
            "rwc_elementwise": dict(zip(names, (9 * change).tolist(), strict=True)),
            "rwc_elementwise_zeros": dict.fromkeys(names, 0.0),
        },
        seconds=20 + draws.random(),
    )


def _aggregate(folder: str, study: str) -> tuple[float, float, float]:
    """Return the seconds of the command, and the most memory of this process before and after it, in MB."""
    _track_to(folder)
    imported = peak_megabytes()
    started = perf_counter()
    with redirect_stdout(StringIO()):
        aggregate.main(["--study", study], standalone_mode=False)
    return perf_counter() - started, imported, peak_megabytes()
