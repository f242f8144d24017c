"""A run: what is logged to it, and whether it is still this process's."""

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlparse

import mlflow
from mlflow.entities import DatasetInput, Param, RunInfo, RunTag

from pipeline.console.errors import Failure
from pipeline.host.disk import disk_space
from pipeline.tracking.heartbeat import is_ours
from pipeline.tracking.limits import PARAM, TAG, shortened
from pipeline.tracking.mlflow_internals import TRAINING_LAYOUT
from pipeline.tracking.retry import patiently

KIND = "layerwise.kind"
STUDY = "layerwise.study"
SEEDS = "layerwise.seeds"
SEED = "layerwise.seed"
COMPARED = "layerwise.compared"
CHANGED_MOST = "layerwise.changed_most"
STOPPED = "layerwise.stopped"
OPENED = "layerwise.opened"  # names one attempt to create a run, whose answer may be lost
PROVENANCE = {"commit": "layerwise.commit", "versions": "layerwise.versions", "machine": "layerwise.machine"}
MEASURED = "layerwise.measured"  # how the epochs of a seed were measured beyond what every seed is: a history
PARENT = "mlflow.parentRunId"
SECONDS = "epoch_seconds"

Result = TypeVar("Result")


def setting_tag(name: str) -> str:
    """Return the tag that holds a setting as it was resolved, on studies and seeds alike.

    `layerwise.seeds` counts the finished seeds of a study, so the tag of the setting is `layerwise.seed_list`.
    """
    return "layerwise.seed_list" if name == "seeds" else f"layerwise.{name}"


def as_measured(settings: Mapping[str, str]) -> str:
    """Return the text of MEASURED for settings that ask for measurements."""
    return " ".join(f"{name}={value}" for name, value in settings.items())


class RunTaken(Failure):
    """Another process writes to the run of this one."""


class Run:
    """An open run. What is logged here is written when the call returns.

    During an outage a call is repeated for `patience` seconds. Raise Unreachable after that, and StoreError where the
    store refuses.
    """

    def __init__(self, run_id: str, patience: float = 0) -> None:
        self.id, self.patience = run_id, patience
        self.client = mlflow.MlflowClient()
        self._checked = 0.0

    def _call(self, what: str, call: Callable[..., Result], *arguments: object, **options: object) -> Result:
        return patiently(partial(call, self.id, *arguments, **options), self.patience, what)

    def log_params(self, params: Mapping[str, str]) -> None:
        """Log the params that are missing: `mlflow run` has logged the -P values, and a param cannot be changed."""
        known = self._call("reading the run", self.client.get_run).data.params
        new = [Param(name, shortened(value, PARAM)) for name, value in params.items() if name not in known]
        self._call("logging params", self.client.log_batch, params=new)

    def log_files(self, path: Path, artifact_path: str | None = None) -> None:
        """Upload a file, or what a folder holds."""
        log = self.client.log_artifacts if path.is_dir() else self.client.log_artifact
        self._call(f"uploading {path.name}", log, str(path), artifact_path)

    def log_texts(self, texts: Mapping[str, str]) -> None:
        """Write each text to the artifact that it is named after."""
        for artifact_path, text in texts.items():
            self._call(f"uploading {artifact_path}", self.client.log_text, text, artifact_path)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        tags_within = [RunTag(key, shortened(value, TAG)) for key, value in tags.items()]
        self._call("setting tags", self.client.log_batch, tags=tags_within)

    def log_inputs(self, datasets: Sequence[DatasetInput]) -> None:
        self._call("logging the data set", self.client.log_inputs, datasets=datasets)

    def history(self, key: str) -> dict[int, float]:
        """Return the values of a metric by step."""
        points = self._call(f"reading {key}", self.client.get_metric_history, key)
        return {point.step: point.value for point in points}

    def tags(self) -> dict[str, str]:
        tags: dict[str, str] = self._call("reading the run", self.client.get_run).data.tags
        return tags

    def check_ours(self, seconds: float = 1.0) -> None:
        """Raise RunTaken unless the run is still this process's, or was at most some `seconds` ago.

        So a process that was stopped (a closed laptop, SIGSTOP, a frozen machine) detects that another has its work.
        """
        if 0 <= time.time() - self._checked < seconds:
            return
        if not is_ours(self.client.get_run(self.id).data.tags):
            raise RunTaken(f"another process writes to the run {self.id}: this one was stopped or cut off for too long")
        self._checked = time.time()

    def disk_space_for(self, path: Path, what: str) -> AbstractContextManager[None]:
        """Return a context that raises DiskFull where artifacts lie here and a file or folder does not fit."""
        location = urlparse(self.artifact_location(""))
        there = next((folder for folder in Path(unquote(location.path)).parents if folder.is_dir()), None)
        if location.scheme not in ("", "file") or there is None:
            return nullcontext()
        files = path.rglob("*") if path.is_dir() else [path]
        return disk_space(there, what, sum(file.stat().st_size for file in files if file.is_file()))

    @cached_property
    def _info(self) -> RunInfo:
        return self._call("reading the run", self.client.get_run).info

    def artifact_location(self, path: str) -> str:
        return f"{self._info.artifact_uri}/{path}"

    def how_to_browse(self) -> str:
        """Return the command or the address that shows this run in a browser."""
        uri = mlflow.get_tracking_uri()
        if not uri.startswith("http"):
            return f"mlflow ui --backend-store-uri {shlex.quote(uri)}"
        address = urlparse(uri)
        server = address._replace(netloc=address.netloc.rpartition("@")[2]).geturl().rstrip("/")
        return f"{server}/#/experiments/{self._info.experiment_id}/runs/{self.id}?{TRAINING_LAYOUT}"
