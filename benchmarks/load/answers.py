"""How long a client waits for an answer of a server that has nothing else to do, by the event loop of its workers."""

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import requests

from benchmarks.load.place import Place, make_runs
from benchmarks.load.saturation import POOL

LOOPS = ("asyncio", "uvloop")  # uvicorn's, which takes the second by itself where it is installed
ROUNDS = 3
REQUESTS = 100  # of each kind in a round


def measure(place: Place) -> Iterator[dict[str, Any]]:
    """Yield the median seconds of a request that reads and of one that logs, of each round; the loops take turns."""
    for _round in range(ROUNDS):
        for loop in LOOPS:
            with place.serving(workers=2, pool=POOL, loop=loop) as server, requests.Session() as session:
                (run,) = make_runs(server, 1)
                api = f"{server.address}/api/2.0/mlflow/runs"
                reads = [_seconds(session, "GET", f"{api}/get?run_id={run}", None) for _ in range(REQUESTS)]
                logs = [_seconds(session, "POST", f"{api}/log-batch", _point(run, step)) for step in range(REQUESTS)]
                yield {"loop": loop, "read_seconds": median(reads), "log_seconds": median(logs)}


def _point(run: str, step: int) -> dict[str, Any]:
    return {"run_id": run, "metrics": [{"key": "rwc", "value": 0.5, "timestamp": 1, "step": step}]}


def _seconds(session: requests.Session, method: str, address: str, content: dict[str, Any] | None) -> float:
    started = time.perf_counter()
    session.request(method, address, json=content, timeout=100).raise_for_status()
    return time.perf_counter() - started
