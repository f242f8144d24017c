"""Who works on a run, and whether that process still lives: tags for host, process and a heartbeat."""

import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import mlflow
import psutil

HOST, PID, HEARTBEAT = "layerwise.host", "layerwise.pid", "layerwise.heartbeat"
BEAT_SECONDS = 30.0
SILENT_SECONDS = 600.0  # after so long without a heartbeat, a process on another host counts as gone
CLOCK_SECONDS = 2.0  # what the times of one host may be apart


def signs_of_life() -> dict[str, str]:
    """Return the tags that say that this process works on a run, now."""
    return {HOST: socket.gethostname(), PID: str(os.getpid()), HEARTBEAT: f"{time.time():.0f}"}


def is_ours(tags: Mapping[str, str]) -> bool:
    """Say whether this process is the one that the tags name."""
    return (tags.get(HOST), tags.get(PID)) == (socket.gethostname(), str(os.getpid()))


def is_alive(tags: Mapping[str, str]) -> bool:
    """Say whether the process that the tags name is there: on this host by its number, elsewhere by its heartbeat.

    A process that started after the last heartbeat is another one that was given the same number.
    """
    try:
        pid, beat = int(tags[PID]), float(tags[HEARTBEAT])
    except (KeyError, ValueError):
        return False
    if tags.get(HOST) != socket.gethostname():
        return time.time() - beat < SILENT_SECONDS
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= beat + CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return False


@contextmanager
def heartbeat(run_id: str) -> Iterator[None]:
    """Set the tag of the heartbeat again and again. A server that is away is not waited for: the next beat may come."""
    over = threading.Event()

    def beat() -> None:
        client = mlflow.MlflowClient()
        while not over.wait(BEAT_SECONDS):
            try:
                client.set_tag(run_id, HEARTBEAT, signs_of_life()[HEARTBEAT])
            except Exception:  # whatever is wrong with the store, who logs meets it and says so
                continue

    thread = threading.Thread(target=beat, name=f"heartbeat-{run_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
