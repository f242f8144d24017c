"""A real study that takes seconds: a small network with BatchNorm and dropout on Digits, in a copy of the project."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from benchmarks.chaos.record import Points
from benchmarks.report import ROOT

NETWORK = '''"""A network that is trained in a moment."""

from torch import Tensor, nn

from models.architectures import register


@register("Tiny", groups={"early": ["conv"], "later": ["fc*"]})
class Tiny(nn.Module):
    def __init__(self, *, input_channels: int, num_classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(input_channels, 8, kernel_size=4, stride=4)
        self.norm = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.2)
        self.fc1, self.fc2 = nn.Linear(8 * 8 * 8, 512), nn.Linear(512, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.drop(self.norm(self.conv(images)).relu().flatten(1))
        logits: Tensor = self.fc2(self.fc1(features).relu())
        return logits
'''
SETTINGS = {
    "model_name": "Tiny",
    "dataset": "Digits",
    "seeds": "0,7",
    "epochs": "8",
    "target_val_acc": "none",
    "jobs": "1",
    "threads": "1",
    "rwc_every": "7",
    "checkpoint_every": "1",
    "snapshots": "true",
}


def copy_project(folder: Path) -> Path:
    """Return a copy of the project with the network in it."""
    project = folder / "project"
    project.mkdir()
    for name in ("models", "data", "pipeline"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "params.yaml", project)
    (project / "models" / "tiny.py").write_text(NETWORK)
    return project


# a process that counts as on another host: its identity is set before the commands are loaded, its heartbeat is fast
ELSEWHERE = """
import sys
from pipeline.tracking import heartbeat
heartbeat.BEAT_SECONDS, heartbeat.SILENT_SECONDS = 0.5, {silent}
place = heartbeat._place() | {parts}
heartbeat._place = lambda: place
from pipeline.__main__ import main
sys.exit(main())
"""
SILENT_SECONDS = 4.0
LIMIT = 600  # seconds for a study to end
Left = tuple[list[str], Points, Counter[tuple[str, ...]]]  # the phases in which faults came, and the `record`


def start(
    project: Path, store: str, data_dir: Path, log: Path, *, place: Mapping[str, str] | None = None, **more: object
) -> subprocess.Popen[bytes]:
    """Start the study in its own session, with its output in a file.

    `place` replaces parts of the identity of its process; even an empty one makes its heartbeat fast.
    """
    options = [f"--{name}={value}" for name, value in {**SETTINGS, "data_dir": data_dir, **more}.items()]
    program = ["-m", "pipeline"]
    if place is not None:
        program = ["-c", ELSEWHERE.format(parts=dict(place), silent=SILENT_SECONDS)]
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, *program, "study", *options],
            cwd=project,
            env={**os.environ, "MLFLOW_TRACKING_URI": store, "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def phase(log: str) -> str:
    """Return the phase of a study, from the last line that it printed."""
    lines = [line for line in log.splitlines() if line.startswith("seed ") or "seeds x" in line]
    if not lines:
        return "start, preparation"
    last = SETTINGS["epochs"]
    if f"seed 7  epoch {last}/{last}" in lines[-1]:
        return "last model, aggregation"
    return "training, logging, uploads" if any("epoch" in line for line in lines) else "a seed's beginning"


def log_of(folder: Path) -> str:
    """Return the output of the last study in a folder."""
    return (folder / "log").read_text(errors="replace")
