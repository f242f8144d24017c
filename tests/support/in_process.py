"""The program in the process of the tests, which tracks to a store of its own."""

import shutil
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.host.signals import SIGNALS

ROOT = Path(__file__).parents[2]


def track_to(folder: Path, empty_store: Path, patch: pytest.MonkeyPatch) -> str:
    """Make a folder with params.yaml and an empty SQLite store, which this process then tracks to."""
    folder.mkdir(exist_ok=True)
    shutil.copy(empty_store, folder / "mlflow.db")
    with sqlite3.connect(folder / "mlflow.db") as database:
        database.execute("UPDATE experiments SET artifact_location = ?", (str(folder / "mlruns" / "0"),))
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    (folder / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    patch.chdir(folder)
    patch.setenv("MLFLOW_TRACKING_URI", uri)
    return uri


def run_main(patch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the program, and return its exit code."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    patch.setattr(sys, "argv", ["pipeline", *arguments])
    try:
        return main()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
