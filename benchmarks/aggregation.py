"""f: seconds and memory of `aggregate -P study=<id>`, against the number of seeds, layers and epochs."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import mlflow
import numpy as np
import pandas as pd

from benchmarks.report import Figure, peak_megabytes
from benchmarks.setup import Bench, apart
from pipeline.commands.aggregate import run as aggregate
from pipeline.config.resolve import read_settings
from pipeline.config.settings import Config
from pipeline.measure import MEASUREMENTS, STEP_FORMULAS
from pipeline.tracking.outbox import Outbox
from pipeline.tracking.run import SEED, STUDY, setting_tag
from pipeline.tracking.runs import open_run
from pipeline.tracking.seed_log import SeedLog
from pipeline.tracking.tables import LEVEL_TABLE, LEVELS

BASE = (10, 40, 50)
LIMITS = {(5, 75, 150): 60, (100, 75, 150): 30}
SIZES = (BASE, (20, 40, 50), (40, 40, 50), (10, 80, 50), (10, 160, 50), (10, 40, 100), (10, 40, 200))
PARTS = {"paper": ((5, 75, 150),), "seeds": ((100, 75, 150),), "sizes": SIZES}
GROUPS = ("early", "middle", "later")
MEASURED = (*MEASUREMENTS, *STEP_FORMULAS)
HASH = "benchmark"


@dataclass(frozen=True, kw_only=True)
class Aggregation:
    """One aggregation: `seconds`, and `again` a second time, without imports; `imported` and `peak` memory in MB."""

    seeds: int
    layers: int
    epochs: int
    seconds: float
    again: float
    imported: float
    peak: float


def figures(bench: Bench, part: str) -> Iterator[Figure]:
    for size in PARTS[part]:
        found = measure(bench.config, *size)
        rows = len(MEASURED) * found.seeds * found.layers * found.epochs / 1e6
        limit = LIMITS.get(size)
        yield Figure(
            f"aggregation of {found.seeds} seeds x {found.layers} layers x {found.epochs} epochs",
            f"{rows:.2f} million values",
            f"{found.seconds:.1f} s, again {found.again:.1f} s; {found.peak:.0f} MB ({found.imported:.0f} of imports)",
            f"under {limit} s" if limit else "",
            found.seconds < limit if limit else None,
        )


def measure(config: Config, seeds: int, layers: int, epochs: int) -> Aggregation:
    """Write a synthetic study with all measurements of a layer, and aggregate it twice, each in its own process."""
    config = replace(config, model_name="VGG19", seeds=tuple(range(seeds)), epochs=epochs)
    with TemporaryDirectory() as folder:
        study = apart(_write_study, folder, config, layers)
        seconds, imported, peak = apart(_aggregate, folder, study)
        again, _imported, _peak = apart(_aggregate, folder, study)
    return Aggregation(
        seeds=seeds, layers=layers, epochs=epochs, seconds=seconds, again=again, imported=imported, peak=peak
    )


def _track_to(folder: str) -> None:
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    found = mlflow.get_experiment_by_name("benchmark")
    identity = found.experiment_id if found else mlflow.create_experiment("benchmark", f"{folder}/artifacts")
    os.environ["MLFLOW_EXPERIMENT_ID"] = identity


def _write_study(folder: str, config: Config, layers: int) -> str:
    """Write the runs of a study, without models, and of the seeds' metric points the last epoch alone."""
    _track_to(folder)
    names = [f"features.{layer}" for layer in range(layers)]

    def group_of(layer: str) -> str:
        return GROUPS[names.index(layer) * len(GROUPS) // layers]

    tags = {setting_tag(name): value for name, value in config.as_text().items()} | {STUDY: HASH}
    with open_run("study", "Net-Synthetic", tags=tags) as study:
        study.log_texts(config.files())
        for seed in config.seeds:
            with open_run("seed", f"seed-{seed}", tags={STUDY: HASH, SEED: str(seed)}, parent=study.id) as run:
                run.log_params({"seed": str(seed), "epochs": str(config.epochs)})
                run.log_texts({LEVEL_TABLE: _levels(names, group_of)})
                _log_epochs(SeedLog(run, LastPoints(run, Path(folder)), group_of), names, seed, config.epochs)
    return study.id


class LastPoints(Outbox):
    """Keeps the metric points of the newest epoch alone."""

    def add_metrics(self, metrics: Mapping[str, float], step: int, part: int = 0) -> None:  # noqa: ARG002  # as an outbox has it
        super().add_metrics(metrics, 0, part)


def _log_epochs(log: SeedLog, names: list[str], seed: int, epochs: int) -> None:
    draws = np.random.default_rng(seed)
    for epoch in range(1, epochs + 1):
        loss, accuracy = 2.3 / epoch + 0.05 * draws.random(), 100 - 60 / epoch + draws.random()
        scalars = {"train_loss": loss, "test_loss": 1.2 * loss, "train_acc": accuracy, "test_acc": accuracy - 3}
        log.log_epoch(epoch, scalars | {"epoch_seconds": 20 + draws.random()}, _measured(epoch, names, draws), {})
    log.add_tables()
    log.outbox.close(0)


def _levels(names: list[str], group_of: Callable[[str], str]) -> str:
    rows = [(name, group_of(name), True, 0.005, 0.3, 31) for name in names]
    return pd.DataFrame(rows, columns=LEVELS).to_csv(index=False)


def _measured(epoch: int, names: list[str], draws: np.random.Generator) -> dict[str, dict[str, float]]:
    """Return all measurements of an epoch by layer, similar to those of real networks."""
    depth = np.arange(len(names)) / len(names)
    change = 0.3 * np.exp(-2 * depth) * epoch ** (-0.2 - 0.5 * depth)
    measured = {metric: change * np.exp(0.1 * draws.standard_normal(len(names))) for metric in MEASURED}
    measured |= {"weights": 1000 * (1 + 100 * depth), "rwc_elementwise_zeros": 0 * depth}
    return {metric: dict(zip(names, values.tolist(), strict=True)) for metric, values in measured.items()}


def _aggregate(folder: str, study: str) -> tuple[float, float, float]:
    """Return the seconds of the command, and the peak memory of this process before and after it, in MB."""
    _track_to(folder)
    imported = peak_megabytes()
    started = perf_counter()
    with redirect_stdout(StringIO()):
        aggregate(read_settings({}), {}, study)
    return perf_counter() - started, imported, peak_megabytes()
