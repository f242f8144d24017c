"""What one real seed sends: at its start, an epoch, at its end, and by the clock; recorded from `train`."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.load.proxy import Request, recording
from benchmarks.report import ROOT
from benchmarks.server import Server

EPOCHS = 3
IMAGES = {"train": 128, "test": 32}
CLOCK_SECONDS = 1  # between system metrics, and heartbeats, here: there are some within the seconds that a seed takes
TRAIN = f"""
from pipeline.tracking import heartbeat as liveness
liveness.BEAT_SECONDS = {CLOCK_SECONDS}
from pipeline.__main__ import main
raise SystemExit(main())
"""  # `python -m pipeline`, but for the clock
HEARTBEAT, SYSTEM, LAST = b"layerwise.heartbeat", b'"system/', b'"epoch_seconds"'
PARTS = ("at its start", "an epoch", "at its end", "system metrics", "heartbeat")


class Seed(NamedTuple):
    """A seed's run, and its requests by the part of its life in which they came."""

    model_name: str
    run_id: str
    parts: dict[str, list[Request]]
    epochs: list[list[Request]]

    def table(self) -> list[dict[str, Any]]:
        """Return a row a part and route: requests, metric points, bytes sent."""
        return [row for part in PARTS for row in _rows(part, self.parts[part])]


def record(server: Server, folder: Path, model_name: str) -> Seed:
    """Train one seed through a proxy, on a handful of images: what it sends is that of any data set."""
    draws = np.random.default_rng(0)
    arrays = {f"x_{part}": draws.integers(0, 256, (count, 32, 32, 3), np.uint8) for part, count in IMAGES.items()}
    arrays |= {f"y_{part}": (np.arange(count) % 10).astype(np.uint8) for part, count in IMAGES.items()}
    np.savez(folder / "few.npz", **arrays)  # type: ignore[arg-type]  # numpy takes it for its options
    given = {"model_name": model_name, "dataset": folder / "few.npz", "seed": 0, "epochs": EPOCHS, "lr": 0.001}
    options = {**given, "target_val_acc": "none", "threads": 1, "data_dir": folder}
    with recording(server.port) as (address, requests):
        done = subprocess.run(
            [sys.executable, "-c", TRAIN, "train", *(f"--{name}={value}" for name, value in options.items())],
            cwd=ROOT,
            env={**os.environ, "MLFLOW_TRACKING_URI": address, **_sampled()},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return _in_parts(model_name, requests)


def _sampled() -> dict[str, str]:
    return {
        "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "true",
        "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL": str(CLOCK_SECONDS),
    }


def _in_parts(model_name: str, requests: Sequence[Request]) -> Seed:
    """Sort the requests: an epoch begins with its metrics, and the last one ends with the tag of its checkpoint."""
    (run_id,) = [json.loads(each.answer)["run"]["info"]["run_id"] for each in requests if "runs/create" in each.path]
    parts: dict[str, list[Request]] = {part: [] for part in PARTS}
    epochs: list[list[Request]] = []
    over = False
    for request in requests:
        if "log-batch" in request.path and SYSTEM in request.body:
            parts["system metrics"].append(request)
        elif HEARTBEAT in request.body and "set-tag" in request.path:
            parts["heartbeat"].append(request)
        elif over:
            parts["at its end"].append(request)
        else:
            if "log-batch" in request.path and LAST in request.body:
                epochs.append([])
            (epochs[-1] if epochs else parts["at its start"]).append(request)
            over = len(epochs) == EPOCHS and b"layerwise.checkpoint" in request.body
    parts["an epoch"] = epochs[-1]
    once = {part: parts[part][-1:] for part in ("system metrics", "heartbeat")}
    return Seed(model_name, run_id, parts | once, epochs)


def points(request: Request) -> int:
    """Return how many metric points a request holds."""
    return len(json.loads(request.body).get("metrics", [])) if request.path.endswith("log-batch") else 0


def route(request: Request) -> str:
    """Return method and path, without the ids in it."""
    path = request.path.partition("?")[0].removeprefix("/ajax-api").removeprefix("/api")
    path = re.sub(r"\b[0-9a-f]{32}\b", "<run>", re.sub(r"\bm-[0-9a-f]{32}\b", "<model>", path))
    path = re.sub(r"artifacts/artifacts/.*", "artifacts/<path>", path)
    return f"{request.method} {path}"


def _rows(part: str, requests: Sequence[Request]) -> Iterator[dict[str, Any]]:
    counts = Counter(map(route, requests))
    for name, count in counts.items():
        of_route = [request for request in requests if route(request) == name]
        yield {
            "part": part,
            "route": name,
            "requests": count,
            "points": sum(map(points, of_route)),
            "bytes": sum(request.size for request in of_route),
        }
