"""Runs that end as what they were: FINISHED, FAILED, or KILLED where a signal stopped them; none stays RUNNING."""

import json
import os
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlparse

import mlflow
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import Param, RunTag
from mlflow.tracking.context.registry import resolve_tags

from data.manifest import Manifest
from pipeline.disk import room
from pipeline.interrupt import Interrupted
from pipeline.tracking.liveness import heartbeat, is_ours, signs_of_life
from pipeline.tracking.store import current_experiment, first_line, open_store, reaching_store

KIND = "layerwise.kind"
STUDY = "layerwise.study"
SEEDS = "layerwise.seeds"
SEED = "layerwise.seed"
COMPARED = "layerwise.compared"
STOPPED = "layerwise.stopped"
PROVENANCE = {"commit": "layerwise.commit", "versions": "layerwise.versions", "machine": "layerwise.machine"}
PARENT = "mlflow.parentRunId"
SECONDS = "epoch_seconds"
LOCKED = "database is locked"  # says SQLite, at once, where two that have read both want to write
ATTEMPTS, PAUSE_SECONDS = 20, 0.25


class RunTaken(Exception):
    """Another process works on the run by now; the message is one line."""


class PreparedDataset(MetaDataset):
    """A prepared data set as MLflow describes one; its digest covers all tensors, where MLflow's own reads a part."""

    def __init__(self, manifest: Manifest) -> None:
        self._profile = {"train": sum(manifest.train_counts), "test": sum(manifest.test_counts)}
        super().__init__(CodeDatasetSource({"source": manifest.source}), name=manifest.name, digest=manifest.digest)

    @property
    def profile(self) -> dict[str, int]:
        return self._profile

    def to_dict(self) -> dict[str, str]:
        return {**super().to_dict(), "profile": json.dumps(self.profile)}


class Run:
    """An open run. What is logged here is written when the call returns."""

    def __init__(self, run_id: str) -> None:
        self.id = run_id
        self.client = mlflow.MlflowClient()

    def log_params(self, params: Mapping[str, str]) -> None:
        """Log what is not there: `mlflow run` has logged the -P values, and a param cannot be changed."""
        known = self.client.get_run(self.id).data.params
        new = [Param(name, value) for name, value in params.items() if name not in known]
        self.client.log_batch(self.id, params=new)

    def log_files(self, path: Path, artifact_path: str | None = None) -> None:
        """Upload a file, or what a folder holds."""
        log = self.client.log_artifacts if path.is_dir() else self.client.log_artifact
        log(self.id, str(path), artifact_path)

    def log_texts(self, texts: Mapping[str, str]) -> None:
        """Write each text to the artifact that it is named after."""
        for artifact_path, text in texts.items():
            self.client.log_text(self.id, text, artifact_path)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        self.client.log_batch(self.id, tags=[RunTag(key, value) for key, value in tags.items()])

    def log_dataset(self, manifest: Manifest, context: str) -> None:
        """Log the data set as an input of the run, which must be the active one."""
        mlflow.log_input(PreparedDataset(manifest), context=context)

    def tags(self) -> dict[str, str]:
        tags: dict[str, str] = self.client.get_run(self.id).data.tags
        return tags

    def room_for(self, path: Path, what: str) -> AbstractContextManager[None]:
        """Return a context that raises DiskFull where artifacts lie here and a file or folder does not fit."""
        location = urlparse(self.artifact_location(""))
        there = next((folder for folder in Path(unquote(location.path)).parents if folder.is_dir()), None)
        if location.scheme not in ("", "file") or there is None:
            return nullcontext()
        files = path.rglob("*") if path.is_dir() else [path]
        return room(there, what, sum(file.stat().st_size for file in files if file.is_file()))

    @cached_property
    def _artifacts(self) -> str:
        uri: str = self.client.get_run(self.id).info.artifact_uri  # asks for all of the run, its metrics with it
        return uri

    def artifact_location(self, path: str) -> str:
        return f"{self._artifacts}/{path}"

    def how_to_browse(self) -> str:
        """Return the command or the address that shows this run in a browser."""
        uri = mlflow.get_tracking_uri()
        return uri if uri.startswith("http") else f"mlflow ui --backend-store-uri {shlex.quote(uri)}"


def logged_seconds(run: Run) -> dict[int, float]:
    """Return {epoch: its seconds} of the epochs whose metrics a run has: they come in one batch, the seconds last."""
    return {point.step: point.value for point in run.client.get_metric_history(run.id, SECONDS)}


@contextmanager
def open_run(
    kind: str,
    name: str,
    *,
    tags: Mapping[str, str] | None = None,
    parent: str | None = None,
    run_id: str | None = None,
) -> Iterator[Run]:
    """Open a run, and close it whatever happens: the one named, that of `mlflow run` for this process, or a new one.

    A run below another is never that of `mlflow run`, whose id a worker of a Ray cluster may have inherited.
    """
    all_tags = {KIND: kind, **signs_of_life(), **(tags or {}), **({PARENT: parent} if parent else {})}
    client = open_store()
    if run_id is None and parent is None:
        run_id = os.environ.pop("MLFLOW_RUN_ID", None)
    if run_id is None:
        with reaching_store():
            experiment = current_experiment()
            run_id = client.create_run(experiment, tags=resolve_tags(all_tags), run_name=name).info.run_id
    status = "FAILED"
    try:
        with reaching_store():
            monitored = None if kind == "seed" else False  # None: as MLflow's own variable says
            mlflow.start_run(
                run_id, run_name=name, tags=all_tags, nested=parent is not None, log_system_metrics=monitored
            )
        with heartbeat(run_id):
            yield Run(run_id)
        status = "FINISHED"
    except Interrupted:
        status = "KILLED"
        raise
    except RunTaken:
        status = "RUNNING"  # it is the other's now
        raise
    finally:
        _close(client, run_id, status)


def _close(client: mlflow.MlflowClient, run_id: str, status: str) -> None:
    """End a run, unless another process has taken it over since.

    Where the server does not answer, it stays RUNNING until the same command takes it over.
    """
    try:
        _end(client, run_id, status)
    except Exception as error:
        if status == "FINISHED":
            raise
        print(f"the run {run_id} could not be marked {status}: {first_line(error)}", file=sys.stderr)


def _end(client: mlflow.MlflowClient, run_id: str, status: str) -> None:
    for left in reversed(range(ATTEMPTS)):
        try:
            stored = client.get_run(run_id)
            status = status if is_ours(stored.data.tags) else stored.info.status
            active = mlflow.active_run()
            if active is not None and active.info.run_id == run_id:
                mlflow.end_run(status)
            else:
                client.set_terminated(run_id, status)
            return
        except Exception as error:
            if not left or LOCKED not in str(error):
                raise
            time.sleep(PAUSE_SECONDS)
