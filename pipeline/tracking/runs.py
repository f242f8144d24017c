"""Runs that end as what they were: FINISHED, FAILED, or KILLED where a signal stopped them; none stays RUNNING."""

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import time

import mlflow
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking.context.registry import resolve_tags
from mlflow.tracking.fluent import _get_experiment_id  # the public ways to ask for it open a run

from data.manifest import Manifest
from pipeline.interrupt import Interrupted

KIND = "layerwise.kind"
STUDY = "layerwise.study"
SEEDS = "layerwise.seeds"
CONFIG = "config.yaml"
PARENT = "mlflow.parentRunId"


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

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        now = int(time() * 1000)
        self.client.log_batch(self.id, metrics=[Metric(key, value, now, step) for key, value in metrics.items()])

    def log_files(self, path: Path, artifact_path: str | None = None) -> None:
        """Upload a file, or what a folder holds."""
        log = self.client.log_artifacts if path.is_dir() else self.client.log_artifact
        log(self.id, str(path), artifact_path)

    def log_text(self, text: str, artifact_path: str) -> None:
        self.client.log_text(self.id, text, artifact_path)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        self.client.log_batch(self.id, tags=[RunTag(key, value) for key, value in tags.items()])

    def log_dataset(self, manifest: Manifest, context: str) -> None:
        """Log the data set as an input of the run, which must be the active one."""
        mlflow.log_input(PreparedDataset(manifest), context=context)

    def artifact_location(self, path: str) -> str:
        return f"{self.client.get_run(self.id).info.artifact_uri}/{path}"

    def how_to_browse(self) -> str:
        """Return the command or the address that shows this run in a browser."""
        uri = mlflow.get_tracking_uri()
        return uri if uri.startswith("http") else f"mlflow ui --backend-store-uri {shlex.quote(uri)}"


@contextmanager
def open_run(
    kind: str, name: str, *, tags: Mapping[str, str] | None = None, parent: str | None = None
) -> Iterator[Run]:
    """Open the run that `mlflow run` has made for this process, or a new one, and close it whatever happens."""
    all_tags = {KIND: kind, **(tags or {}), **({PARENT: parent} if parent else {})}
    client = mlflow.MlflowClient()
    run_id = os.environ.pop("MLFLOW_RUN_ID", None)
    if run_id is None:
        experiment = str(_get_experiment_id())
        run_id = client.create_run(experiment, tags=resolve_tags(all_tags), run_name=name).info.run_id
    status = "FAILED"
    try:
        mlflow.start_run(run_id, run_name=name, tags=all_tags, nested=parent is not None)
        yield Run(run_id)
        status = "FINISHED"
    except Interrupted:
        status = "KILLED"
        raise
    finally:
        active = mlflow.active_run()
        if active is not None and active.info.run_id == run_id:
            mlflow.end_run(status)
        else:
            client.set_terminated(run_id, status)
