"""Two processes run the same study and do not see each other: one was stopped, or they are in two containers."""

import os
import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path

import mlflow

from benchmarks.chaos.record import record
from benchmarks.chaos.study import LIMIT, SILENT_SECONDS, Left, log_of, phase, start
from pipeline.tracking.heartbeat import BOOT, HOST, NAMESPACE


def stop_and_take_over(project: Path, folder: Path, seconds: float, _kills: int, draw: random.Random) -> Left:
    """Stop a study (SIGSTOP) at random moments, resume it on another host, and let the first process continue.

    Points that the first process writes afterwards are added, and so reported as other.
    """
    store, logs, stopped_at = f"sqlite:///{folder}/mlflow.db", [folder / "log", folder / "log-2"], list[str]()
    first = start(project, store, folder / "data", logs[0], place={})
    try:
        code = first.wait(draw.uniform(0.2, 1) * seconds)
        assert code == 0, log_of(folder)
        return stopped_at, *record(store)
    except subprocess.TimeoutExpired:
        _stop(first, folder / "mlflow.db")
        stopped_at.append(phase(log_of(folder)))
    time.sleep(SILENT_SECONDS + 1)
    second = start(project, store, folder / "data-2", logs[1], place={HOST: "elsewhere", BOOT: "another kernel"})
    assert second.wait(LIMIT) == 0, logs[1].read_text()
    taken = _points_of_seeds(store)
    os.killpg(first.pid, signal.SIGCONT)
    assert first.wait(LIMIT) in (0, 1), log_of(folder)
    assert "Traceback" not in log_of(folder), log_of(folder)
    late = {("late", *point): 1 for point in _points_of_seeds(store) - taken}
    points, counts = record(store)
    return stopped_at, points | late, counts


def _stop(process: subprocess.Popen[bytes], database: Path) -> None:
    """Stop a process, but not while it creates the database, reads or writes it: no other process could write then."""
    while True:
        os.killpg(process.pid, signal.SIGSTOP)
        if database.exists():
            with closing(sqlite3.connect(database, timeout=0)) as connection, suppress(sqlite3.OperationalError):
                connection.execute("BEGIN EXCLUSIVE")
                return
        os.killpg(process.pid, signal.SIGCONT)
        time.sleep(0.01)


def meet_in_containers(project: Path, folder: Path, seconds: float, _kills: int, draw: random.Random) -> Left:
    """Start a study twice at random moments, as in two containers with one host name, and kill one of the two.

    Neither sees the other's processes: the second must skip the seeds that the first trains, and resume them once the
    first is silent.
    """
    store, logs, met_at = f"sqlite:///{folder}/mlflow.db", [folder / "log", folder / "log-2"], list[str]()
    first = start(project, store, folder / "data", logs[0], place={})
    try:
        assert first.wait(draw.uniform(0.2, 0.8) * seconds) == 0, log_of(folder)
        return met_at, *record(store)
    except subprocess.TimeoutExpired:
        met_at.append(phase(log_of(folder)))
    second = start(project, store, folder / "data-2", logs[1], place={NAMESPACE: "pid:[1]"})
    killed = draw.random() < 0.5
    if killed:
        time.sleep(draw.uniform(0, seconds / 2))
        os.killpg(first.pid, signal.SIGKILL)
    assert second.wait(LIMIT) == 0, logs[1].read_text()
    code = first.wait(LIMIT)
    assert code in ((0, -signal.SIGKILL) if killed else (0,)), log_of(folder)
    if killed:  # the next command after its silence closes the runs of the first
        time.sleep(SILENT_SECONDS)
        third = start(project, store, folder / "data-2", logs[1], place={NAMESPACE: "pid:[1]"})
        assert third.wait(LIMIT) == 0, logs[1].read_text()
    return met_at, *record(store, trained_once=not killed)


def _points_of_seeds(store: str) -> set[tuple[str, str, str]]:
    """Return run, metric, and step and value of every point of every seed's run."""
    client = mlflow.MlflowClient(store)
    return {
        (run.info.run_id, key, f"{point.step} {point.timestamp} {point.value}")
        for run in client.search_runs(["0"], "tags.`layerwise.kind` = 'seed'")
        for key in run.data.metrics
        for point in client.get_metric_history(run.info.run_id, key)
    }
