"""Processes that tests start: they handle signals as from a terminal, and end with the tests, even failing ones."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parent.parent
HANDLING = "import signal; print(*map(signal.getsignal, (signal.SIGHUP, signal.SIGINT)))"
HEAD = """
import subprocess, sys
from pathlib import Path
from test_processes import runs

ENDLESS = "import time; time.sleep(600)"
PARENT = f'''
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {ENDLESS!r}], start_new_session=True)
print(child.pid, flush=True)
'''

def note(*pids):
    with Path("pids").open("a") as file:
        print(*pids, file=file)

"""
LEAVING = """
def test_that_takes_too_long(popen):
    parent = popen(sys.executable, "-c", PARENT, stdout=subprocess.PIPE)
    note(parent.stdout.readline())
    waited_for = popen(sys.executable, "-c", ENDLESS)
    note(waited_for.pid)
    waited_for.wait(timeout=0.1)

def test_that_comes_after_it():
    pids = Path("pids").read_text().split()
    assert len(pids) == 2
    assert not any(map(runs, pids))

def test_that_starts_a_process_by_itself():
    note(subprocess.Popen([sys.executable, "-c", ENDLESS], start_new_session=True).pid)
"""
WAITING = """
def test_that_waits(popen):
    parent = popen(sys.executable, "-c", PARENT, stdout=subprocess.PIPE)
    note(parent.stdout.readline(), popen(sys.executable, "-c", ENDLESS).pid)
    print("waiting", flush=True)
    popen(sys.executable, "-c", ENDLESS).wait()
"""


def runs(pid: str) -> bool:
    """Return whether a process is there that has not ended; whoever should take note of its end may not have."""
    try:
        return psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def ignoring() -> Iterator[None]:
    """Let this process ignore the signals that nohup and shells let it ignore."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("ignoring")
def test_a_process_has_the_default_handling_of_signals_that_pytest_ignores(popen: Callable) -> None:
    process = popen(sys.executable, "-c", HANDLING, stdout=subprocess.PIPE)
    assert process.communicate()[0] == "0 <built-in function default_int_handler>\n"
    assert {signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGINT)} == {signal.SIG_IGN}


@pytest.fixture
def start_tests(popen: Callable, tmp_path: Path) -> Callable[[str], subprocess.Popen[str]]:
    """Return a starter of tests, in an own process, that note which processes they start."""

    def start(tests: str) -> subprocess.Popen[str]:
        shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
        (tmp_path / "test_them.py").write_text(HEAD + tests)
        return popen(
            *(sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "test_them.py"),
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
            stdout=subprocess.PIPE,
        )

    return start


def test_no_process_outlives_a_test_that_times_out_nor_a_file_of_tests(start_tests: Callable, tmp_path: Path) -> None:
    printed = start_tests(LEAVING).communicate(timeout=100)[0]
    assert "1 failed, 2 passed" in printed, printed
    pids = (tmp_path / "pids").read_text().split()
    assert (len(pids), list(filter(runs, pids))) == (3, [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=["Ctrl-C", "SIGTERM", "hang-up"])
def test_no_process_outlives_pytest_where_that_is_ended(
    start_tests: Callable, tmp_path: Path, number: signal.Signals
) -> None:
    tests = start_tests(WAITING)
    while "waiting" not in (line := tests.stdout.readline()):
        assert line
    tests.send_signal(number)
    assert "KeyboardInterrupt" in tests.communicate(timeout=100)[0]
    pids = (tmp_path / "pids").read_text().split()
    assert (len(pids), list(filter(runs, pids))) == (2, [])
