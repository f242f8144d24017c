"""The runs of a study's seeds, found and read back."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import mlflow
import pandas as pd
import yaml
from mlflow.entities import Run as StoredRun
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracking.fluent import _get_experiment_id  # the public ways to ask for it open a run

from pipeline.results.statistics import Histories
from pipeline.tracking.runs import CONFIG, KIND, PARENT, STUDY
from pipeline.tracking.tables import EPOCH_TABLE, LAYER_TABLE, read_table, stack
from pipeline.values import distinct_seeds

PAGE = 1000


class RunNotFound(Exception):
    """There is no such study or seed; the message is one line and names the remedy."""


class StoredStudy(NamedTuple):
    id: str
    name: str
    seeds: tuple[int, ...]


class StoredSeed(NamedTuple):
    id: str
    number: int
    epochs: int
    finished: bool
    parent: str | None
    artifacts: str


def find_study(run_id: str) -> StoredStudy:
    """Return a study with finished seeds by the id of its run; raise RunNotFound."""
    client = mlflow.MlflowClient()
    try:
        run = client.get_run(run_id)
    except mlflow.MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise RunNotFound(
            f"study must be the id of a study's run; there is no run {run_id!r} on {mlflow.get_tracking_uri()}"
        ) from None
    if run.data.tags.get(KIND) != "study":
        raise RunNotFound(f"study must be the id of a study's run, with the tag {KIND}=study; {run_id} has none")
    if not any(seed.finished for seed in seeds_of_study(run_id)):
        raise RunNotFound(f"the study {run_id} has no finished seed: run it again, or name another one")
    with TemporaryDirectory() as folder:
        config = yaml.safe_load(Path(client.download_artifacts(run_id, CONFIG, folder)).read_text())
    return StoredStudy(run_id, run.info.run_name, distinct_seeds(config["seeds"]))


def seeds_of_study(run_id: str) -> list[StoredSeed]:
    """Return the newest run of each seed below a study's run, in the order of the seeds."""
    experiment = mlflow.MlflowClient().get_run(run_id).info.experiment_id
    return _one_a_seed(experiment, f"tags.`{PARENT}` = '{run_id}'")


def seeds_of_settings(study_hash: str) -> list[StoredSeed]:
    """Return the newest run of each seed trained with these settings, finished ones first; raise RunNotFound."""
    experiment = str(_get_experiment_id())
    seeds = _one_a_seed(experiment, f"tags.`{STUDY}` = '{study_hash}'")
    if not any(seed.finished for seed in seeds):
        raise RunNotFound(
            f"experiment {experiment} on {mlflow.get_tracking_uri()} has no finished seed with these settings: "
            "train one with the same settings, or name a study with -P study=<run id>"
        )
    return seeds


def read_histories(seeds: Sequence[StoredSeed]) -> Histories:
    """Read the two tables of every seed: two downloads a seed, however many metrics they hold."""
    return Histories(_table_of_all(seeds, EPOCH_TABLE), _table_of_all(seeds, LAYER_TABLE))


def _one_a_seed(experiment: str, condition: str) -> list[StoredSeed]:
    client = mlflow.MlflowClient()
    found: list[StoredRun] = []
    token = None
    while True:
        page = client.search_runs(
            [experiment],
            f"tags.`{KIND}` = 'seed' and {condition}",
            max_results=PAGE,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        found += page
        token = page.token
        if not token:
            break
    seeds = [_stored_seed(run) for run in found if {"seed", "epochs"} <= set(run.data.params)]
    seeds.sort(key=lambda seed: seed.finished)  # stable: the newest finished one comes last
    by_number = {seed.number: seed for seed in seeds}
    return [by_number[number] for number in sorted(by_number)]


def _stored_seed(run: StoredRun) -> StoredSeed:
    return StoredSeed(
        id=run.info.run_id,
        number=int(_as_given(run, "seed")),
        epochs=int(_as_given(run, "epochs")),
        finished=run.info.status == "FINISHED",
        parent=run.data.tags.get(PARENT),
        artifacts=run.info.artifact_uri,
    )


def _as_given(run: StoredRun, name: str) -> str:
    """Return a param without the quotes of a shell, in which `mlflow run` logs the -P values that need them."""
    return " ".join(shlex.split(run.data.params[name]))


def _table_of_all(seeds: Sequence[StoredSeed], name: str) -> pd.DataFrame:
    return stack([_table(seed, name) for seed in seeds])


def _table(seed: StoredSeed, name: str) -> pd.DataFrame:
    # not through the client, which asks for the whole run, with all of its metrics, before a download
    artifacts = get_artifact_repository(seed.artifacts)
    with TemporaryDirectory() as folder:
        path = artifacts.download_artifacts(name, folder)  # type: ignore[no-untyped-call]  # mlflow gives it no types
        return read_table(Path(path), seed.number)
