"""Which process writes to a run, and whether it is alive: its identity and a heartbeat, as tags of the run.

A process is looked up by its number only on the same kernel (the boot id) and in the same PID namespace: containers may
share a host name, and the number of a process in one is unknown in another, or that of another process.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import mlflow
import psutil

HOST, BOOT, NAMESPACE = "layerwise.host", "layerwise.boot", "layerwise.pid_namespace"
PID, STARTED, HEARTBEAT = "layerwise.pid", "layerwise.process_started", "layerwise.heartbeat"
HIDDEN = "hidden"
RELEASED = {PID: ""}  # tags of a run that its process has closed
FENCED = {PID: "fenced"}  # tags of a run whose process may be alive, but must not write any more
BEAT_SECONDS = 30.0
SILENT_SECONDS = 600.0  # a process that cannot be seen from here counts as gone after this silence


def identity() -> dict[str, str]:
    """Return the tags that identify this process."""
    return _place() | {PID: str(os.getpid()), STARTED: process_start(os.getpid())}


def signs_of_life() -> dict[str, str]:
    """Return the tags that identify this process, with the time in seconds."""
    return identity() | {HEARTBEAT: f"{time.time():.0f}"}


def is_ours(tags: Mapping[str, str]) -> bool:
    """Return whether this process is the one that the tags name."""
    return all(tags.get(tag) == value for tag, value in identity().items())


def same_process(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Return whether two sets of tags name the same process, which may have released its run since."""
    return all(one.get(tag) == other.get(tag) for tag in (HOST, BOOT, NAMESPACE, STARTED))


def is_gone(tags: Mapping[str, str]) -> bool:
    """Return whether it is certain that the process that the tags name no longer exists, or has released the run."""
    pid = tags.get(PID, "")
    if not pid.isdecimal():
        return not pid
    return _is_here(tags) and process_start(int(pid)) not in (tags.get(STARTED), HIDDEN)


def is_fenced(tags: Mapping[str, str]) -> bool:
    """Return whether the process of a run must not write to it any more."""
    return tags.get(PID) == FENCED[PID]


def is_alive(tags: Mapping[str, str]) -> bool:
    """Return whether the process that the tags name may still work: it is seen here, or its heartbeat is recent."""
    if is_gone(tags) or not tags[PID].isdecimal():
        return False
    if _is_here(tags) and process_start(int(tags[PID])) != HIDDEN:  # a hidden one may have the number of another
        return True
    try:
        return time.time() - float(tags[HEARTBEAT]) < SILENT_SECONDS
    except (KeyError, ValueError):
        return False


def beats(read: Callable[[], Mapping[str, str]]) -> bool:
    """Return whether the heartbeat in the tags that `read` returns changes while it is watched, for two beats.

    A process that was cut off from the server for long may be alive, whatever the clocks of the two machines say.
    """
    before = read().get(HEARTBEAT)
    time.sleep(2.5 * BEAT_SECONDS)
    return read().get(HEARTBEAT) != before


def process_start(pid: int) -> str:
    """Return when a process of this machine started, HIDDEN if that is not visible, or "" if it does not exist.

    Linux counts in ticks since boot, which stay the same when the clock is set.
    """
    if not Path("/proc/self/stat").exists():
        return _process_start_elsewhere(pid)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return HIDDEN if _exists(pid) else ""  # /proc may hide the processes of other users
    return "" if fields[0] in "ZX" else fields[19]  # state, and field 22 of proc(5)


def _process_start_elsewhere(pid: int) -> str:
    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        return ""
    except psutil.AccessDenied:
        return HIDDEN


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _is_here(tags: Mapping[str, str]) -> bool:
    return all(tags.get(tag) == value for tag, value in _place().items())


@cache
def _place() -> dict[str, str]:
    boot, namespace = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    return {
        HOST: socket.gethostname(),
        BOOT: boot.read_text().strip() if boot.exists() else f"{psutil.boot_time():.0f}",
        NAMESPACE: str(namespace.readlink()) if namespace.is_symlink() else "none",
    }


@contextmanager
def heartbeat(run_id: str) -> Iterator[None]:
    """Set the tag of the heartbeat every BEAT_SECONDS. A failed heartbeat is dropped; the next one may succeed."""
    over = threading.Event()

    def beat() -> None:
        client = mlflow.MlflowClient()
        while not over.wait(BEAT_SECONDS):
            try:
                client.set_tag(run_id, HEARTBEAT, signs_of_life()[HEARTBEAT])
            except Exception:  # the calls that log meet the same error and report it
                continue

    thread = threading.Thread(target=beat, name=f"heartbeat-{run_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
