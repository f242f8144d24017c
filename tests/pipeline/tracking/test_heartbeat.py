"""Which process a run belongs to: by host, kernel, PID namespace, number and start; and whether it still lives."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from pipeline.tracking import heartbeat
from pipeline.tracking.heartbeat import (
    BOOT,
    FENCED,
    HEARTBEAT,
    HOST,
    NAMESPACE,
    PID,
    RELEASED,
    STARTED,
    beats,
    is_alive,
    is_fenced,
    is_gone,
    is_ours,
    process_start,
    same_process,
    signs_of_life,
)

OURS = signs_of_life()
SILENT = {HEARTBEAT: f"{time.time() - 3600:.0f}"}
ELSEWHERE: dict[str, Mapping[str, str]] = {
    "another host": {HOST: "elsewhere"},
    "a host of the same name": {BOOT: "another-kernel"},
    "a container with the host's name, on the same kernel": {NAMESPACE: "pid:[1]"},
}


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def tags_of(pid: int) -> dict[str, str]:
    return OURS | {PID: str(pid), STARTED: process_start(pid)}


def test_this_process_owns_its_run() -> None:
    assert is_ours(OURS)
    assert is_alive(OURS)
    assert not is_gone(OURS)


@pytest.mark.parametrize("part", [HOST, BOOT, NAMESPACE, PID, STARTED])
def test_a_process_that_differs_in_one_part_is_another(part: str) -> None:
    assert not is_ours(OURS | {part: "1"})


@pytest.mark.parametrize("place", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_process_elsewhere_lives_while_its_heart_beats_and_is_never_certainly_gone(place: Mapping[str, str]) -> None:
    """Its number means nothing here, where it may be nobody's, or somebody else's."""
    for pid in ("999999999", str(os.getpid())):
        tags = signs_of_life() | place | {PID: pid}
        assert (is_alive(tags), is_gone(tags)) == (True, False)
        assert (is_alive(tags | SILENT), is_gone(tags | SILENT)) == (False, False)


def test_a_process_here_is_gone_at_once_when_it_is_killed(child: subprocess.Popen[bytes]) -> None:
    tags = tags_of(child.pid)
    assert is_alive(tags)
    child.kill()
    while is_alive(tags):  # a zombie, until somebody waits for it
        time.sleep(0.01)
    assert is_gone(tags)


def test_a_stopped_process_here_is_alive_however_long_it_is_silent(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGSTOP)
    assert is_alive(tags_of(child.pid) | SILENT)


def test_a_number_that_was_given_to_another_process_is_gone(child: subprocess.Popen[bytes]) -> None:
    assert is_gone(tags_of(child.pid) | {STARTED: "1"})


def test_a_released_run_is_free_and_a_fenced_one_has_no_owner() -> None:
    assert (is_alive(OURS | RELEASED), is_gone(OURS | RELEASED)) == (False, True)
    assert (is_alive(OURS | FENCED), is_gone(OURS | FENCED), is_fenced(OURS | FENCED)) == (False, False, True)
    assert same_process(OURS, OURS | RELEASED)
    assert is_gone({}), "a run that no process of this project has opened"


def test_a_process_of_another_user_that_may_not_be_seen_counts_as_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where /proc is mounted with hidepid, or in a cluster of many users."""

    def hidden(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", hidden)
    assert process_start(2**22 + 1) == "hidden"
    tags = signs_of_life() | {PID: str(2**22 + 1)}
    assert (is_alive(tags), is_gone(tags)) == (True, False)
    silent = tags | SILENT
    assert (is_alive(silent), is_gone(silent)) == (False, False), "its number may be that of another process by now"


@pytest.mark.parametrize("error", [PermissionError, FileNotFoundError], ids=["hidepid=1", "hidepid=2"])
def test_a_proc_that_hides_processes_does_not_make_them_dead(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    """The kernel still says that the number is taken."""
    tags, read_text = signs_of_life() | {PID: str(child.pid), STARTED: process_start(child.pid)}, Path.read_text

    def hide(path: Path, *arguments: object) -> str:
        if path == Path(f"/proc/{child.pid}/stat"):
            raise error
        return read_text(path, *arguments)

    monkeypatch.setattr(Path, "read_text", hide)
    assert (is_alive(tags), is_gone(tags)) == (True, False)
    child.kill()
    child.wait()
    assert (is_alive(tags), is_gone(tags)) == (False, True)


def test_a_process_that_psutil_may_not_look_at_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS, which has no /proc."""

    def refuse(pid: int) -> None:
        raise psutil.AccessDenied(pid)

    monkeypatch.setattr(psutil, "Process", refuse)
    assert heartbeat._process_start_elsewhere(1) == "hidden"


def test_a_silent_process_whose_heart_beats_again_is_seen_to_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its heartbeat is old after an outage, or by the clock of its machine."""
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.01)
    old = OURS | {HOST: "elsewhere"} | SILENT
    answers = iter([old, old | {HEARTBEAT: "2"}])
    assert beats(lambda: next(answers))
    assert not beats(lambda: old)
