"""The project run as its users run it: as processes, with a store of their own."""

import os
import pty
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pytest

from tests.support.in_process import run_main, track_to
from tests.support.rendering import leave_out_figures, leave_out_models
from tests.support.server import Server

ROOT = Path(__file__).parents[2]
NETWORKS = """
from torch import nn


class AlexNet(nn.Module):
    groups = {"early": ["features.0"], "middle": ["features.3", "features.6"], "later": ["features.8", "features.10"]}

    def __init__(self, *, input_channels, num_classes):
        super().__init__()
        convolutions = {0: (input_channels, 4), 3: (4, 8), 6: (8, 8), 8: (8, 8), 10: (8, 8)}
        layers = [nn.ReLU() if position in (1, 4, 7, 9, 11) else nn.MaxPool2d(2) for position in range(13)]
        for position, (channels, width) in convolutions.items():
            layers[position] = nn.Conv2d(channels, width, 3, stride=1 + (position == 0), padding=1)
        self.features = nn.Sequential(*layers)
        linear = nn.Linear(32, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, num_classes)
        self.classifier = nn.Sequential(nn.Dropout(), *linear)

    def forward(self, images):
        return self.classifier(self.features(images).flatten(1))


def Small(*, input_channels, num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(1024 * input_channels, 4), nn.Linear(4, num_classes))
"""
Call = Callable[..., tuple[int, str, str]]
Process = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a process: this Python first on PATH, an empty cache folder, no tracking server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false",
    }


@pytest.fixture(scope="session")
def run(environment: dict[str, str], running: Callable) -> Callable[..., Process]:
    """Return a runner of commands in the project's folder, or in another one."""

    def run_command(*command: str, cwd: Path = ROOT, timeout: float = 600, **variables: str) -> Process:
        given = {"cwd": cwd, "env": environment | variables, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with running(*command, **given) as process:
            printed = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(command, process.returncode, *printed)

    return run_command


@pytest.fixture
def start(
    popen: Callable[..., subprocess.Popen[str]], environment: dict[str, str], options: dict[str, str], store: str
) -> Callable[..., subprocess.Popen[str]]:
    """Return a starter of real studies that do not stop early."""

    def start_study(*, tracking: str = store, **settings: object) -> subprocess.Popen[str]:
        given = [f"--{name}={value}" for name, value in (options | settings).items()]
        return popen(
            *(sys.executable, "-m", "pipeline", "study", *given, "--target_val_acc=none"),
            cwd=ROOT,
            env=environment | {"MLFLOW_TRACKING_URI": tracking},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return start_study


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with networks that train in a moment: AlexNet with the layers and groups of the real one; Small."""
    path = tmp_path_factory.mktemp("networks") / "networks.py"
    path.write_text(NETWORKS)
    return path


@pytest.fixture(scope="session")
def options(tiny_npz: Path, networks: Path) -> dict[str, str]:
    """A study that takes seconds: a narrow AlexNet on the tiny set; the learning rate as a person may spell it."""
    given = {"dataset": str(tiny_npz), "batch_size": "16", "epochs": "2", "lr": "1e-2", "jobs": "1"}
    return {"model_name": f"{networks}:AlexNet"} | given


@pytest.fixture(scope="session")
def small_options(options: dict[str, str], networks: Path) -> dict[str, str]:
    """The same with the smallest network, which does not stop early."""
    return options | {"model_name": f"{networks}:Small", "target_val_acc": "none"}


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables, which take seconds to make."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def new_store(empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], str]:
    """Return a maker of a folder with params.yaml and an empty SQLite store, which this process then tracks to."""
    return lambda folder: track_to(folder, empty_store, monkeypatch)


@pytest.fixture
def store(new_store: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty SQLite store that this process tracks to, and a cache folder of its own."""
    uri = new_store(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return uri


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out figures and reports, for tests that do not look at them."""
    leave_out_figures(monkeypatch)


@pytest.fixture
def unrendered(monkeypatch: pytest.MonkeyPatch, undrawn: None) -> None:  # noqa: ARG001  # it leaves out the rest
    """Leave out figures, reports and models, for tests that look at none of them."""
    leave_out_models(monkeypatch)


@pytest.fixture
def call_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a runner of the program in this process and its store: it gives the exit code and what was printed."""

    def run_command(*arguments: str) -> tuple[int, str, str]:
        code = run_main(monkeypatch, *arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run_command


@pytest.fixture
def call(store: str, call_here: Call) -> Call:  # noqa: ARG001  # it sets the environment
    """Return the same for a store that is empty."""
    return call_here


@pytest.fixture(scope="module")
def finished_study(
    options: dict[str, str], empty_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """A study of two seeds with all that a study leaves, in the store that this process tracks to: only to be read."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("finished")
        track_to(folder, empty_store, patch)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        assert run_main(patch, "study", *(f"--{name}={value}" for name, value in options.items()), "--seeds=0,7") == 0
        yield


@pytest.fixture(scope="module")
def server(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), environment) as running:
        yield running


class Terminal:
    """A pseudo-terminal, and what is shown on it until its other end is closed."""

    def __init__(self) -> None:
        self.screen, self.end = pty.openpty()
        termios.tcsetwinsize(self.end, (24, 100))
        self._parts: list[bytes] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        try:
            while part := os.read(self.screen, 4096):
                self._parts.append(part)
        except OSError:  # nobody has the other end any more
            pass

    def close(self) -> str:
        if self._reader.is_alive():
            os.close(self.end)
            self._reader.join()
            os.close(self.screen)
        return b"".join(self._parts).decode()


@pytest.fixture
def open_terminal() -> Iterator[Callable[[], Terminal]]:
    """Return an opener of terminals; those that are left open are closed."""
    opened: list[Terminal] = []

    def open_one() -> Terminal:
        opened.append(Terminal())
        return opened[-1]

    yield open_one
    for terminal in opened:
        terminal.close()


@pytest.fixture
def terminal(open_terminal: Callable[[], Terminal]) -> Terminal:
    return open_terminal()
