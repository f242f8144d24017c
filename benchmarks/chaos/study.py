"""A real study that takes seconds: a small network with BatchNorm and dropout on Digits, in a copy of the project."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.report import ROOT

NETWORK = '''"""A network that is trained in a moment."""

from torch import Tensor, nn

from models.registry import register


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
    "threads": "1",
    "rwc_every": "7",
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


def start(project: Path, store: str, data_dir: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start the study, in a session of its own, with its output in a file."""
    options = [f"--{name}={value}" for name, value in {**SETTINGS, "data_dir": data_dir}.items()]
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", "study", *options],
            cwd=project,
            env={**os.environ, "MLFLOW_TRACKING_URI": store, "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def phase(log: str) -> str:
    """Say what a study was at, by the last line it printed."""
    lines = [line for line in log.splitlines() if line.startswith("seed ") or "seeds x" in line]
    if not lines:
        return "start, preparation"
    last = SETTINGS["epochs"]
    if f"seed 7  epoch {last}/{last}" in lines[-1]:
        return "last model, aggregation"
    return "training, logging, uploads" if any("epoch" in line for line in lines) else "a seed's beginning"
