"""What many tests share: processes that end with the test, a tiny data set, the synthetic histories of a study."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from multiprocessing.resource_tracker import ensure_running
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
import psutil
import pytest

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"] = "false"  # they depend on time; one test has them
from pipeline.analysis.statistics import Histories
from pipeline.console.messages import configure
from pipeline.tracking.tables import LEVELS

ROOT = Path(__file__).parent.parent
ensure_running()  # multiprocessing's own process, which serves all tests: it is the one without the variable
STARTED_HERE = f"LAYERWISE_TESTS_{uuid4().hex}"  # every process that a test starts inherits this variable
os.environ[STARTED_HERE] = ""
Running = Callable[..., AbstractContextManager[subprocess.Popen[str]]]
for _number in (signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(_number) == signal.SIG_DFL:  # nohup is left in force
        signal.signal(_number, signal.default_int_handler)  # as Ctrl-C does, it lets fixtures end what they started


def kill_all_with(variable: str) -> None:
    """Kill every process that has inherited a variable, whatever its parent and its session, until none is left."""
    while found := [process for process in psutil.process_iter() if variable in variables_of(process)]:
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.01)  # one that has ended has no variables


def variables_of(process: psutil.Process) -> Mapping[str, str]:
    """Return the variables that a process was started with; none where it has ended or is another user's."""
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


@contextmanager
def signals_as_from_a_terminal() -> Iterator[None]:
    """Let the processes that are started meanwhile begin with the default handling of signals.

    nohup ignores SIGHUP, and a shell ignores SIGINT for what a script runs in the background: ignored signals are
    inherited, those that have a handler are not.
    """
    ignored = [number for number in (signal.SIGHUP, signal.SIGINT) if signal.getsignal(number) == signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


@pytest.fixture(scope="session")
def running() -> Running:
    """Return a runner of a process for as long as a block runs; at its end all that the process started is killed."""

    @contextmanager
    def run(*command: str | Path, env: Mapping[str, str] = os.environ, **options: Any) -> Iterator[subprocess.Popen]:
        variable = f"{STARTED_HERE}_{uuid4().hex}"
        options |= {"env": {**env, STARTED_HERE: "", variable: ""}, "text": True, "start_new_session": True}
        with signals_as_from_a_terminal():
            process = subprocess.Popen(command, **options)
        with process:
            try:
                yield process
            finally:
                kill_all_with(variable)

    return run


@pytest.fixture
def popen(running: Running) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a starter of processes which are killed at the end of the test, with all that they started."""
    with ExitStack() as stack:
        yield lambda *command, **options: stack.enter_context(running(*command, **options))


@pytest.fixture(scope="module", autouse=True)
def what_is_started_ends_with_its_module() -> Iterator[None]:
    """Kill what else is left: of servers and clusters, and of commands that took too long."""
    yield
    kill_all_with(STARTED_HERE)


@pytest.fixture(autouse=True)
def messages() -> None:
    """Print the project's messages, as a command does, whatever a test before has silenced."""
    configure()


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Return a switch that makes a folder look read-only, to root as well, whom permissions do not stop."""
    closed: list[Path] = []
    access = os.access

    def allowed(path: Path, mode: int) -> bool:
        inside = any(Path(path).absolute().is_relative_to(folder) for folder in closed)
        return access(path, mode) and not (mode & os.W_OK and inside)

    monkeypatch.setattr(os, "access", allowed)
    return closed.append


@pytest.fixture(scope="session")
def tiny_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 training and 24 test images of 32 x 32 with two classes: dark and light ones."""
    draws = np.random.default_rng(0)
    parts = {}
    for part, count in (("train", 48), ("test", 24)):
        labels = (np.arange(count) % 2).astype(np.uint8)
        noise = draws.integers(0, 100, (count, 32, 32))
        parts |= {f"x_{part}": (noise + 150 * labels[:, None, None]).astype(np.uint8), f"y_{part}": labels}
    path = tmp_path_factory.mktemp("tiny") / "tiny.npz"
    np.savez(path, **parts)
    return path


@pytest.fixture
def histories() -> Callable[..., Histories]:
    """Return a maker of histories: {seed: epochs it ran} for the layers {layer: group}; no layer has a level."""

    def make(epochs_by_seed: dict[int, int], groups: dict[str, str]) -> Histories:
        last_epochs = dict(sorted(epochs_by_seed.items()))
        seeds, ends = (np.array([*its], dtype=float)[:, None] for its in (last_epochs, last_epochs.values()))
        depths, epochs = np.arange(1.0, len(groups) + 1)[:, None], np.arange(1.0, max(last_epochs.values()) + 1)
        ran = np.where(epochs <= ends, 1.0, np.nan)
        scalars = {
            "test_acc": 50 + epochs,
            "train_acc": 40 + epochs,
            "test_loss": 2 / epochs,
            "train_loss": 3 / epochs,
            "epoch_seconds": 1.5,
        }
        change = depths / epochs + 0.01 * seeds[:, None]
        layers = dict.fromkeys(("rwc", "l2_change", "rwc_elementwise"), change)
        layers |= {"shape_factor": 2 * depths, "weights": 100.0}
        shaped = {metric: ran[:, None] * np.broadcast_to(its, change.shape) for metric, its in layers.items()}
        levels = [(layer, group, False, np.nan, np.nan, np.nan) for layer, group in groups.items()]
        return Histories(
            last_epochs,
            groups,
            {metric: ran * (values + seeds) for metric, values in scalars.items()},
            shaped,
            {metric: ~np.isnan(values) for metric, values in shaped.items()},
            pd.DataFrame(levels, columns=LEVELS),
        )

    return make
