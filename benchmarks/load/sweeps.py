"""Sweeps of a tiny network's seeds on a Ray cluster here, through a real server: how long they take, what is busy."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any, NamedTuple

import mlflow
from mlflow.entities import Run
from ray.cluster_utils import Cluster

from benchmarks.load.place import Busy, Place
from benchmarks.report import ROOT
from benchmarks.server import Server
from pipeline.tracking.run import KIND, PARENT

NETWORK = "benchmarks/load/tiny.py:Tiny"
FEW = 40  # seeds against which the number of workers is varied
SERVER_WORKERS, POOL = 2, 50
REQUEST = re.compile(r'"[A-Z]+ /\S* HTTP/')


class Case(NamedTuple):
    seeds: int
    workers: int


def cases(many: int) -> list[Case]:
    """Return few seeds with fewer workers than cores, as many, and more; and many seeds with as many."""
    cores = os.cpu_count() or 1
    return [*(Case(min(FEW, many), workers) for workers in sorted({1, cores, 2 * cores})), Case(many, cores)]


def on(loop: str) -> str:
    """Return what sweeps are kept as whose server ran on an event loop."""
    return f"sweeps on {loop}"


def measure(place: Place, cases: Sequence[Case], loop: str) -> Iterator[dict[str, Any]]:
    """Yield what the sweep of each case took; no seed has been trained before, and all find the data prepared."""
    first = 1
    with place.serving(SERVER_WORKERS, POOL, loop) as server:
        with _cluster(1) as address:
            _sweep(server, range(1), address)
        for case in cases:
            with _cluster(case.workers) as address:
                yield case._asdict() | _measure(place, server, range(first, first + case.seeds), address)
            first += case.seeds


def _measure(place: Place, server: Server, seeds: range, address: str) -> dict[str, Any]:
    rows, size, requests = _stored(place, server)
    busy, began = Busy(server, place.sql), time.time()
    _sweep(server, seeds, address)
    seconds, cores = time.time() - began, busy.cores()
    rows_after, size_after, requests_after = _stored(place, server)
    return {
        "seconds": seconds,
        **_times(server.address),
        "requests": requests_after - requests,
        "points": rows_after - rows,
        "bytes_in_database": size_after - size,
        "cores": cores,
    }


def _stored(place: Place, server: Server) -> tuple[int, int, int]:
    """Return metric points and bytes in the database, and the requests in the server's log."""
    log = (server.folder / "log").read_text()
    return place.rows().get("metrics", 0), sum(place.sizes().values()), len(REQUEST.findall(log))


def _sweep(server: Server, seeds: range, cluster: str) -> None:
    """Run a sweep of one study on the cluster at an address."""
    given = {"model_name": NETWORK, "dataset": "Digits", "seeds": ",".join(map(str, seeds)), "epochs": 1}
    environment = os.environ | {"MLFLOW_TRACKING_URI": server.address, "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false"}
    given |= {"executor": "ray", "ray_address": cluster, "threads": 1, "precision": "fp32"}
    command = [sys.executable, "-m", "pipeline", "sweep", *(f"--{name}={value}" for name, value in given.items())]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def _cluster(workers: int) -> Iterator[str]:
    """Start a cluster of so many workers here, with a CPU each, and give its address."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": workers, "include_dashboard": False})
    try:
        yield made.address
    finally:
        made.shutdown()


def _times(address: str) -> dict[str, float]:
    """Return the seconds of the newest sweep's parts: from the first seed to the last, one, and from the last on."""
    client = mlflow.MlflowClient(address)
    sweep, *_older = _found(client, f"tags.`{KIND}` = 'sweep'")
    (study,) = _found(client, f"tags.`{PARENT}` = '{sweep.info.run_id}'")
    seeds = _found(client, f"tags.`{PARENT}` = '{study.info.run_id}'")
    assert {run.info.status for run in (sweep, study, *seeds)} == {"FINISHED"}
    first, last = min(seed.info.start_time for seed in seeds), max(seed.info.end_time for seed in seeds)
    return {
        "training": (last - first) / 1000,
        "a_seed": median(seed.info.end_time - seed.info.start_time for seed in seeds) / 1000,
        "aggregation": (study.info.end_time - last) / 1000,
    }


def _found(client: mlflow.MlflowClient, condition: str) -> list[Run]:
    return list(client.search_runs(["0"], condition, max_results=5000, order_by=["attributes.start_time DESC"]))
