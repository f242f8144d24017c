"""`python -m benchmarks.sweeps`: how long sweeps of many short seeds take on Ray, through a real server; docs/scale.md.

The server has two workers over a real PostgreSQL, and shares the machine with the cluster.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import click
import mlflow
import psutil
from mlflow.entities import Run
from ray.cluster_utils import Cluster
from sqlalchemy import NullPool, create_engine, text

from benchmarks.report import ROOT, fill, markdown, origin, stamp
from pipeline.tracking.run import KIND, PARENT
from tests.support.postgresql import postgresql
from tests.support.server import Server

PAGE, FIGURES = ROOT / "docs" / "scale.md", ROOT / "docs" / "sweeps.json"
NETWORK = "benchmarks/tiny.py:Tiny"
FEW = 40  # seeds with which the number of workers is varied
LOOP = "uvloop" if find_spec("uvloop") else "asyncio"  # as `mlflow server` chooses it
POOL = {"MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "30"}  # connections a worker: PostgreSQL accepts 100
REQUEST = re.compile(r'"[A-Z]+ /\S* HTTP/')
STORED = text("SELECT (SELECT count(*) FROM metrics), pg_database_size(current_database())")
HEADING = ("event loop", "seeds", "workers", "in all", "first to last seed", "a seed, median", "seeds a minute",
           "aggregation", "requests/s", "points", "in the database",
           "cores busy: server, PostgreSQL, of all")  # fmt: skip


@click.command()
@click.option("--seeds", type=click.IntRange(1), default=1000, help="of the largest sweep")
def main(seeds: int) -> None:
    """Measure sweeps of 40 seeds with more and fewer workers, and of many; half an hour on two idle cores."""
    os.chdir(ROOT)
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    cores = os.cpu_count() or 1
    cases = [(min(FEW, seeds), workers) for workers in sorted({1, cores, 2 * cores})] + [(seeds, cores)]
    found = json.loads(FIGURES.read_text())
    found[LOOP] = {**stamp(), "measured": list(measure(cases))}
    FIGURES.write_text(json.dumps(found, indent=1) + "\n")
    fill(PAGE, "sweeps", table(found))
    fill(PAGE, "sweeps measured", [f"{loop}: {origin(part)}  " for loop, part in found.items()])


class System(NamedTuple):
    """A server and its database."""

    server: Server
    store: str
    pids: dict[str, int]

    def counters(self) -> dict[str, Any]:
        """Return metric points and bytes in the database, logged requests, and seconds of processor time."""
        with create_engine(self.store, poolclass=NullPool).connect() as connection:
            points, size = connection.execute(STORED).one()
        requests = len(REQUEST.findall((self.server.folder / "log").read_text()))
        machine = psutil.cpu_times()
        seconds = {name: _processor_seconds(pid) for name, pid in self.pids.items()}
        seconds["the machine"] = sum(machine[:8]) - machine.idle - machine.iowait
        return {"points": points, "bytes_in_database": size, "requests": requests, "cores": seconds}


def _processor_seconds(pid: int) -> float:
    """Return the processor time of a process and its children, those that have ended included."""
    root = psutil.Process(pid)
    times = [process.cpu_times() for process in (root, *root.children(recursive=True))]
    return sum(each.user + each.system + each.children_user + each.children_system for each in times)


def measure(cases: Sequence[tuple[int, int]]) -> Iterator[dict[str, Any]]:
    """Yield what the sweep of each case, seeds and workers, took: of new seeds, whose data are prepared."""
    with TemporaryDirectory() as folder, postgresql() as sql:
        store = sql.database("mlflow")
        with Server(Path(folder), os.environ | POOL, store, workers=2) as server:
            system = System(server, store, {"server": server.process.pid, "PostgreSQL": sql.server.get_pid()})
            first = 1
            _sweep(server.address, range(first), workers=1)
            for seeds, workers in cases:
                yield {"seeds": seeds, "workers": workers, **_measure(system, range(first, first + seeds), workers)}
                first += seeds


def _measure(system: System, seeds: range, workers: int) -> dict[str, Any]:
    before = system.counters()
    seconds = _sweep(system.server.address, seeds, workers)
    after = system.counters()
    cores = {name: (after["cores"][name] - busy) / seconds for name, busy in before.pop("cores").items()}
    counted = {name: after[name] - count for name, count in before.items()}
    return {"seconds": seconds, **_times(system.server.address), **counted, "cores": cores}


def _sweep(store: str, seeds: range, workers: int) -> float:
    """Run a sweep of one study on a cluster of its own, with a CPU for each worker; return the seconds it took."""
    given = {"model_name": NETWORK, "dataset": "Digits", "seeds": ",".join(map(str, seeds)), "epochs": 1}
    given |= {"executor": "ray", "threads": 1, "precision": "fp32"}
    environment = os.environ | {"MLFLOW_TRACKING_URI": store, "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false"}
    with _cluster(workers) as address:
        began = time.monotonic()
        options = [f"--{name}={value}" for name, value in {**given, "ray_address": address}.items()]
        command = [sys.executable, "-m", "pipeline", "sweep", *options]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - began
    assert done.returncode == 0, done.stdout + done.stderr
    return seconds


@contextmanager
def _cluster(workers: int) -> Iterator[str]:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": workers, "include_dashboard": False})
    try:
        yield cluster.address
    finally:
        cluster.shutdown()


def _times(store: str) -> dict[str, float]:
    """Return the seconds of the newest sweep: from the first seed to the last, of one, and after the last."""
    client = mlflow.MlflowClient(store)
    sweep, *_older = _runs(client, f"tags.`{KIND}` = 'sweep'")
    (study,) = _runs(client, f"tags.`{PARENT}` = '{sweep.info.run_id}'")
    seeds = _runs(client, f"tags.`{PARENT}` = '{study.info.run_id}'")
    assert {run.info.status for run in (sweep, study, *seeds)} == {"FINISHED"}
    first, last = min(seed.info.start_time for seed in seeds), max(seed.info.end_time for seed in seeds)
    return {
        "training": (last - first) / 1000,
        "a_seed": median(seed.info.end_time - seed.info.start_time for seed in seeds) / 1000,
        "aggregation": (study.info.end_time - last) / 1000,
    }


def _runs(client: mlflow.MlflowClient, condition: str) -> list[Run]:
    return list(client.search_runs(["0"], condition, max_results=5000, order_by=["attributes.start_time DESC"]))


def table(found: dict[str, Any]) -> list[str]:
    """Return the table of docs/scale.md: a row a sweep."""
    return markdown(HEADING, *([loop, *_row(each)] for loop, part in found.items() for each in part["measured"]))


def _row(each: dict[str, Any]) -> list[str]:
    times = [f"{each[name]:,.1f} s" for name in ("seconds", "training", "a_seed", "aggregation")]
    cores = ", ".join(f"{each['cores'][name]:.1f}" for name in ("server", "PostgreSQL", "the machine"))
    return [f"{each['seeds']:,}", f"{each['workers']}", *times[:3], f"{60 * each['seeds'] / each['training']:.1f}",
            times[3], f"{each['requests'] / each['seconds']:.0f}", f"{each['points']:,}",
            f"{each['bytes_in_database'] / 1e6:.3g} MB", cores]  # fmt: skip


if __name__ == "__main__":
    main()
