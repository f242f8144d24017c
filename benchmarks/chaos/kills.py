"""A study, or its tracking server, is killed at random moments, and the same command given again until it ends well."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

from benchmarks.chaos.record import Points, record
from benchmarks.chaos.study import LIMIT, Left, log_of, phase, start
from tests.support.server import Server

AWAY_SECONDS = 4.0  # a killed server is started again within so long, and takes seconds to start


def nothing(project: Path, folder: Path) -> Points:
    """Let a study end, and return its points."""
    store = f"sqlite:///{folder}/mlflow.db"
    process = start(project, store, folder / "data", folder / "log")
    assert process.wait(LIMIT) == 0, log_of(folder)
    return record(store)[0]


def kill_study(project: Path, folder: Path, seconds: float, kills: int, draw: random.Random) -> Left:
    """Kill it up to so many times, each time within so many seconds of its start; return at what, and what is left."""
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
    """Kill the server that a study tracks to up to so many times, and start it again; the study goes on meanwhile.

    Where it ends all the same, which is right while it has not begun, the same command is given again.
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
