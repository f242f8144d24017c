"""d: logging an epoch of 60 layers, to SQLite and to a server, and how long the training loop waits for it."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import mlflow
from mlflow.entities import Metric

from benchmarks.report import Figure
from benchmarks.rounds import time_in_turns
from benchmarks.setup import Bench
from pipeline.measure import MEASUREMENTS
from pipeline.measure.keys import layer_keys
from pipeline.tracking.background import Background
from pipeline.tracking.outbox import Outbox
from pipeline.tracking.runs import open_run
from pipeline.tracking.seed_log import SeedLog
from tests.support.postgresql import postgresql
from tests.support.server import Server

LAYERS = [f"block{number // 15 + 1}.{number}.conv" for number in range(60)]
SCALARS = {"train_loss": 2.0, "test_loss": 2.0, "train_acc": 50.0, "test_acc": 50.0, "epoch_seconds": 1.0}
ROUNDS = 41


def figures(_bench: Bench) -> Iterator[Figure]:
    with TemporaryDirectory() as folder:
        database = f"sqlite:///{folder}/direct.db"
        yield from measure(database, "SQLite")
        with Server(Path(folder), os.environ) as server:
            yield from measure(server.address, "a server over SQLite")
        with postgresql() as sql, Server(Path(folder), os.environ, sql.database("mlflow")) as server:
            yield from measure(server.address, "a server over PostgreSQL")


def measure(uri: str, store: str) -> Iterator[Figure]:
    layers = {name: dict.fromkeys(LAYERS, 0.1) for name in MEASUREMENTS}
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        with TemporaryDirectory() as folder, open_run("seed", "bench") as run, Background() as background:
            log = SeedLog(run, Outbox(run, Path(folder)), lambda layer: layer.partition(".")[0])

            def write() -> None:
                log.log_epoch(1, SCALARS, layers, {})
                log.outbox.send()

            def own_batch() -> None:
                now = time.time_ns() // 1_000_000
                run.client.log_batch(run.id, metrics=[Metric(key, 0.1, now, 1) for key in layer_keys(LAYERS).values()])

            seconds = time_in_turns({"log": write, "MLflow's": own_batch}, ROUNDS)
            written = seconds["log"]
            waited = []
            for _epoch in range(ROUNDS):
                started = time.perf_counter()
                background.submit(write)
                waited.append(time.perf_counter() - started)
                time.sleep(0.2)  # an epoch takes longer than its logging, as every real one
    finally:
        mlflow.set_tracking_uri(before)
    milliseconds = 1000 * median(written)
    what = f"logging an epoch of {len(LAYERS)} layers"
    yield Figure(what, store, f"{milliseconds:.1f} ms", "at most 30 ms", milliseconds <= 30)
    share = median(written) / median(seconds["MLflow's"])
    yield Figure(what, f"{store}, MLflow's own batch of a metric a layer", f"{share:.2f}", "at most 1.2", share <= 1.2)
    yield Figure("of that, what the loop waits for", store, f"{1000 * median(waited):.2f} ms", "", None)
