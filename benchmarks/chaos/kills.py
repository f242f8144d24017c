"""Kill a study, or its tracking server, at random moments, and repeat the same command until it succeeds."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

from benchmarks.chaos.record import Points, record
from benchmarks.chaos.study import LIMIT, Left, log_of, phase, start
from tests.support.server import Server

AWAY_SECONDS = 4.0  # a killed server is restarted within this time, and takes seconds to start


def undisturbed(project: Path, folder: Path) -> Points:
    """Return the points of a study without faults."""
    store = f"sqlite:///{folder}/mlflow.db"
    process = start(project, store, folder / "data", folder / "log")
    assert process.wait(LIMIT) == 0, log_of(folder)
    return record(store)[0]


def kill_study(project: Path, folder: Path, seconds: float, kills: int, draw: random.Random) -> Left:
    """Kill the study up to `kills` times, each within `seconds` of its start."""
    store, killed_at = f"sqlite:///{folder}/mlflow.db", list[str]()
    while True:
        process = start(project, store, folder / "data", folder / "log")
        try:
            code = process.wait(draw.uniform(0.2, 1) * seconds if len(killed_at) < kills else LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert len(killed_at) < kills, log_of(folder)
            killed_at.append(phase(log_of(folder)))
        else:
            assert code == 0, log_of(folder)
            return killed_at, *record(store)


def kill_server(project: Path, folder: Path, seconds: float, kills: int, draw: random.Random) -> Left:
    """Kill the study's tracking server up to `kills` times, and restart it while the study continues.

    A study may fail while it has not begun to train; then the same command is repeated.
    """
    killed_at = list[str]()
    with Server(folder, os.environ) as server:
        while True:
            process, before = start(project, server.address, folder / "data", folder / "log"), len(killed_at)
            while True:
                try:
                    code = process.wait(draw.uniform(0.2, 1) * seconds if len(killed_at) < kills else LIMIT)
                    break
                except subprocess.TimeoutExpired:
                    assert len(killed_at) < kills, log_of(folder)
                    killed_at.append(phase(log_of(folder)))
                    server.end(signal.SIGKILL)
                    time.sleep(draw.uniform(0, AWAY_SECONDS))
                    server.start()
            if code == 0:
                return killed_at, *record(server.address)
            assert len(killed_at) > before, log_of(folder)
