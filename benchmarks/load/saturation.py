"""Requests and points a second that a server answers, against seeds at once, workers, and what passes through it."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median, quantiles
from threading import Timer
from typing import Any, NamedTuple

from benchmarks.load.crowd import Answer, Crowd, Template
from benchmarks.load.cycle import METRICS, cycle, points_of
from benchmarks.load.place import Busy, Place, make_runs, send
from benchmarks.load.recording import Seed
from benchmarks.server import Server

DEFAULT_WORKERS = 4  # of `mlflow server`
POOL = 50  # connections a worker: more than it has threads, 40; MLflow's own 15 are fewer
OTHER_WORKERS = (1, 2)
MIDDLE = 100  # seeds at once at which workers and checkpoints are varied
WARM_UP = 5.0
FEWER = 10  # epochs between checkpoints, against one
CROWD_PROCESS = 500  # seeds in a process of the crowd at most
STEPS = 1_000_000  # epochs of a measurement are numbered from a multiple of this


class Case(NamedTuple):
    """`checkpoint_every` epochs have one checkpoint; where artifacts are not `proxied`, they go past the server.

    `pool` is how many connections a worker has to the database; 0 is MLflow's own number.
    """

    seeds: int
    pool: int = POOL
    workers: int = DEFAULT_WORKERS
    checkpoint_every: int = 1
    proxied: bool = True


def cases(seeds: Sequence[int]) -> list[Case]:
    """Return what is measured: each number of seeds with both pools, and what else may be changed at one of them."""
    middle = min(seeds, key=lambda count: abs(count - MIDDLE))
    variants = [Case(middle, checkpoint_every=FEWER), *(Case(middle, pool, proxied=False) for pool in (POOL, 0))]
    fewer_workers = [Case(middle, workers=workers) for workers in OTHER_WORKERS]
    return [*(Case(count, pool) for pool in (POOL, 0) for count in seeds), *variants, *fewer_workers]


def measure(
    place: Place, seed: Seed, cases: Sequence[Case], seconds: float, checkpoint_bytes: int
) -> Iterator[dict[str, Any]]:
    """Yield what each case came to; those of one server are measured one after another."""
    runs: list[str] = []
    for workers, pool in dict.fromkeys((case.workers, case.pool) for case in cases):
        with place.serving(workers, pool) as server:
            runs += make_runs(server, max(case.seeds for case in cases) - len(runs))
            for number, case in enumerate(cases, start=1):
                if (case.workers, case.pool) == (workers, pool):
                    requests = cycle(
                        seed, checkpoint_bytes=checkpoint_bytes, every=case.checkpoint_every, proxied=case.proxied
                    )
                    yield case._asdict() | _measure(
                        place, server, runs[: case.seeds], requests, number * STEPS, seconds
                    )


def _measure(
    place: Place, server: Server, runs: list[str], requests: list[Template], step: int, seconds: float
) -> dict[str, Any]:
    stored = place.rows().get("metrics", 0)
    begin = time.time() + WARM_UP
    crowd = Crowd(server.port, runs, requests, step, until=begin + seconds)
    busy: dict[str, float] = {}
    meter: list[Busy] = []
    timers = [
        Timer(WARM_UP, lambda: meter.append(Busy(server, place.sql))),
        Timer(WARM_UP + seconds, lambda: busy.update(meter[0].cores())),
    ]
    for timer in timers:
        timer.start()
    answers = send(crowd, processes=-(-len(runs) // CROWD_PROCESS))
    for timer in timers:
        timer.join()
    found = _summary(answers, requests, begin, seconds)
    return found | {"points_stored": place.rows().get("metrics", 0) - stored, "cores": busy}


def _summary(answers: list[Answer], requests: list[Template], begin: float, seconds: float) -> dict[str, Any]:
    """Return rates and latencies of what was answered within the time, and the points of all that was."""
    good = [answer for answer in answers if answer.status == 200]
    inside = [answer for answer in good if begin <= answer.ended < begin + seconds]
    metrics = [answer.seconds for answer in inside if answer.name == METRICS]
    points = points_of(requests)
    errors = Counter(_said(answer) for answer in answers if answer.status != 200)
    return {
        "seconds": seconds,
        "requests_a_second": len(inside) / seconds,
        "points_a_second": points * len(metrics) / seconds,
        "epochs_a_second": len(metrics) / seconds,
        "median_seconds": median(metrics) if metrics else None,
        "p95_seconds": quantiles(metrics, n=20)[-1] if len(metrics) > 1 else None,
        "answered": len(good),
        "errors": dict(errors),
        "points_sent": points * sum(answer.name == METRICS for answer in good),
    }


def _said(answer: Answer) -> str:
    """Return the status of an error and what the server said, or what happened where it said nothing."""
    try:
        return f"{answer.status} {json.loads(answer.said)['message'].partition(',')[0]}"
    except (ValueError, KeyError):
        return f"{answer.status} {answer.said.splitlines()[0] if answer.said else ''}"
