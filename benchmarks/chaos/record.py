"""All that a study stores in MLflow, point by point, and the differences between two studies."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import mlflow
import pandas as pd
import torch
from mlflow.entities import Run

from pipeline.tracking.checkpoints import CHECKPOINTS
from pipeline.tracking.slots import uploaded_checkpoints

# All that may differ between two studies with the same settings
DURATIONS = {"epoch_seconds"}  # metrics, and their rows in tables
SYSTEM = "system/"  # what the machine did meanwhile
COLUMNS_OF_DURATIONS = {"seconds"}
TAGS = {
    "layerwise.host",
    "layerwise.boot",
    "layerwise.pid_namespace",
    "layerwise.pid",
    "layerwise.process_started",
    "layerwise.heartbeat",
    "layerwise.opened",
    "layerwise.data_dir",
    "layerwise.server_wait",
    "layerwise.description",  # a digest of the description
    "layerwise.means",  # a digest of all means, durations among them
    "mlflow.parentRunId",
}
TAGS_THAT_COME_AND_GO = ("mlflow.source.", "layerwise.lock.", "layerwise.checkpoint.")
SLOTS = ("checkpoints/slot-", "checkpoints/best-")  # which of them have the newest checkpoint depends on the faults
PARAMS = {"data_dir", "server_wait"}
IN_MODEL_FILES = ("MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt")  # ids, times, package lists
RUN_ID = re.compile(r"\b[0-9a-f]{32}\b")
Points = dict[tuple[str, ...], object]


class Difference(NamedTuple):
    lost: list[tuple[str, ...]]
    doubled: list[tuple[str, ...]]
    other: list[tuple[str, ...]]


def record(store: str, *, trained_once: bool = False) -> tuple[Points, Counter[tuple[str, ...]]]:
    """Return every point of the newest finished study in a store and of its seeds, and how often each is stored.

    With `trained_once`, a second run of a seed is an unexpected point.
    """
    client = mlflow.MlflowClient(store)
    finished = "tags.`layerwise.kind` = 'study' and attributes.status = 'FINISHED'"
    study = client.search_runs(["0"], finished, order_by=["attributes.start_time DESC"])[0]
    seeds = client.search_runs(["0"], f"tags.`mlflow.parentRunId` = '{study.info.run_id}'")
    points: Points = {}
    counts: Counter[tuple[str, ...]] = Counter()
    for run in (study, *seeds):
        for key, value in _points_of(client, run):
            points[(run.info.run_name, *key)] = value
            counts[(run.info.run_name, *key)] += 1
    left = client.search_runs(["0"], "attributes.status = 'RUNNING'")
    points |= {("runs left RUNNING", run.info.run_id): run.info.run_name for run in left}
    if trained_once:
        its = {run.info.run_id for run in seeds}
        others = client.search_runs(["0"], "tags.`layerwise.kind` = 'seed' and tags.`layerwise.seed` LIKE '%'")
        points |= {("trained twice", run.info.run_id): 1 for run in others if run.info.run_id not in its}
    return points, counts


def compare(expected: Points, found: Points, counts: Counter[tuple[str, ...]]) -> Difference:
    """Return points that are missing, that are stored more than once, and that differ or are unexpected."""
    lost = sorted(key for key in expected if key not in found)
    doubled = sorted(key for key, count in counts.items() if count > 1)
    other = sorted(key for key, value in found.items() if key not in expected or expected[key] != value)
    return Difference(lost, doubled, other)


def _points_of(client: mlflow.MlflowClient, run: Run) -> Iterator[tuple[tuple[str, ...], object]]:
    yield ("status",), run.info.status
    for key in (key for key in run.data.metrics if not key.startswith(SYSTEM)):
        for point in client.get_metric_history(run.info.run_id, key):
            yield ("metric", key, f"{point.step:06}"), None if key in DURATIONS else point.value.hex()
    yield from ((("param", name), None if name in PARAMS else value) for name, value in run.data.params.items())
    tags = {name: value for name, value in run.data.tags.items() if not name.startswith(TAGS_THAT_COME_AND_GO)}
    yield from ((("tag", name), None if name in TAGS else RUN_ID.sub("run", value)) for name, value in tags.items())
    yield from ((("data", given.dataset.name), given.dataset.digest) for given in run.inputs.dataset_inputs)
    for path in _artifacts(client, run.info.run_id):
        if not path.startswith(SLOTS):
            with TemporaryDirectory() as folder:
                content = list(_content(Path(client.download_artifacts(run.info.run_id, path, folder))))
            yield from ((("artifact", path, *key), value) for key, value in content)
    if slots := uploaded_checkpoints(run.info.run_id, "", run.data.tags):
        with TemporaryDirectory() as folder:
            kept = Path(client.download_artifacts(run.info.run_id, CHECKPOINTS, folder))
            content = list(_tensors(slots[0]._replace(where=kept).load()))
        yield from ((("artifact", "newest checkpoint", *key), value) for key, value in content)
    for model in client.search_logged_models(["0"], f"source_run_id = '{run.info.run_id}'"):
        yield ("model", model.name), str(model.status)


def _artifacts(client: mlflow.MlflowClient, run_id: str, path: str = "") -> Iterator[str]:
    for item in client.list_artifacts(run_id, path):
        if item.is_dir:
            yield from _artifacts(client, run_id, item.path)
        elif not item.path.endswith(IN_MODEL_FILES):
            yield item.path


def _content(path: Path) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield the content of a file: tensors by name, a table without durations, else its checksum."""
    if path.suffix == ".pt":
        yield from _tensors(torch.load(path, weights_only=True))
    elif path.suffix == ".csv":
        table = pd.read_csv(path)
        if "metric" in table:
            table = table[~table["metric"].isin(DURATIONS)]
        kept = table.drop(columns=[column for column in COLUMNS_OF_DURATIONS if column in table])
        yield (), _sha256(kept.to_csv(index=False).encode())
    elif path.suffix == ".yaml":
        lines = path.read_text().splitlines()
        yield (), [line for line in lines if line.partition(":")[0] not in PARAMS]
    elif path.suffix == ".html":
        yield (), None  # names runs and how long they took; its numbers stand in the tables
    elif path.suffix == ".pt2":
        yield (), None  # torch.export's archive, of the best weights, which stand in the checkpoints
    else:
        yield (), _sha256(path.read_bytes())


def _tensors(state: object, name: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(state, dict):
        for key, value in state.items():
            if key != "tables":
                yield from _tensors(value, (*name, str(key)))
    elif isinstance(state, torch.Tensor):
        yield name, _sha256(state.contiguous().numpy().tobytes())
    else:
        yield name, repr(state)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
