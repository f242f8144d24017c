"""d: logging an epoch of 60 layers, to SQLite and to a server, and how much of it the training loop waits for."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import mlflow
from pipeline.tracking.epoch import EpochReport

from benchmarks.report import Figure
from benchmarks.rounds import time_in_turns
from benchmarks.setup import Bench
from pipeline.measure.measurements import MEASUREMENTS
from pipeline.tracking.background import Background
from pipeline.tracking.outbox import Outbox
from pipeline.tracking.runs import open_run
from pipeline.tracking.seed_log import SeedLog
from tests.support.postgresql import postgresql
from tests.support.server import Server

LAYERS = [f"block{number // 15 + 1}.{number}.conv" for number in range(60)]
ROUNDS = 41


def figures(_bench: Bench) -> Iterator[Figure]:
    with TemporaryDirectory() as folder:
        database = f"sqlite:///{folder}/direct.db"
        yield from _measure(database, "SQLite")
        with Server(Path(folder), os.environ) as server:
            yield from _measure(server.address, "a server over SQLite")
        with postgresql() as sql, Server(Path(folder), os.environ, sql.database("mlflow")) as server:
            yield from _measure(server.address, "a server over PostgreSQL")


def _measure(uri: str, store: str) -> Iterator[Figure]:
    scores = {"train": 50.0, "test": 50.0}
    layers = {name: dict.fromkeys(LAYERS, 0.1) for name in MEASUREMENTS}
    report = EpochReport(epoch=1, losses=scores, accuracies=scores, layers=layers, seconds=1)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        with TemporaryDirectory() as folder, open_run("seed", "bench") as run, Background() as background:
            log = SeedLog(run, Outbox(run, Path(folder)), lambda layer: layer.partition(".")[0])
            written = time_in_turns({"log": lambda: log.log_epoch(report)}, ROUNDS)["log"]
            waited = []
            for _epoch in range(ROUNDS):
                started = time.perf_counter()
                background.submit(lambda: log.log_epoch(report))
                waited.append(time.perf_counter() - started)
                time.sleep(0.2)  # an epoch that is longer than its logging, as every real one
    finally:
        mlflow.set_tracking_uri(before)
    milliseconds = 1000 * median(written)
    yield Figure(
        f"logging an epoch of {len(LAYERS)} layers",
        store,
        f"{milliseconds:.1f} ms",
        "at most 30 ms",
        milliseconds <= 30,
    )
    yield Figure("of that, what the loop waits for", store, f"{1000 * median(waited):.2f} ms", "", None)
