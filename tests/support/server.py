"""A real `mlflow server` for tests, benchmarks and the tour of docs/ui.md: it can be killed and started again."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Self

START_SECONDS = 300


class Server:
    """An `mlflow server` over an SQLite database in a folder, or over `store`; artifacts are stored in the folder."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], store: str | None = None, *, workers: int = 1
    ) -> None:
        self.folder, self.environment, self.port = folder, environment, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        options = {"--port": self.port, "--workers": workers, "--artifacts-destination": folder / "files"}
        options["--backend-store-uri"] = store or f"sqlite:///{folder}/mlflow.db"
        given = [str(part) for option in options.items() for part in option]
        self.command = [sys.executable, "-m", "mlflow", "server", *given]
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        wait_until_it_answers(self.address, self.process, self.folder / "log")

    def end(self, number: int = signal.SIGTERM) -> None:
        """Send a signal to the server and its workers, and wait until it has ended."""
        os.killpg(self.process.pid, number)
        self.process.wait(timeout=100)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.end()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def wait_until_it_answers(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a started server answers; raise AssertionError with its log."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=5).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text())
