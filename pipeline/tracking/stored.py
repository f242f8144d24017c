"""The runs of studies and their seeds, found in the store."""

import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import mlflow
import yaml
from mlflow.entities import Run as StoredRun

from pipeline.config import CONFIG
from pipeline.tracking.checkpoints import Slot, slots
from pipeline.tracking.liveness import is_alive
from pipeline.tracking.runs import KIND, PARENT, SECONDS, SEED, STOPPED, STUDY
from pipeline.tracking.store import current_experiment, search
from pipeline.values import distinct_seeds


class RunNotFound(Exception):
    """There is no such study or seed; the message is one line and names the remedy."""


class StoredStudy(NamedTuple):
    """A study's run; `settings` are those of its config.yaml, `digest` is the data's."""

    id: str
    name: str
    settings: Mapping[str, Any]
    digest: str
    started: datetime

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that were asked for."""
        return distinct_seeds(self.settings["seeds"])


class StoredSeed(NamedTuple):
    """A seed's run: `epochs` were asked of it, `checkpoints` are those that its tags name, the newest first.

    `seconds` are those of its last epoch so far, if any.
    """

    id: str
    number: int
    epochs: int
    status: str
    parent: str | None
    artifacts: str
    tags: Mapping[str, str]
    started: datetime
    ended: datetime | None
    seconds: float | None

    @property
    def finished(self) -> bool:
        return self.status == "FINISHED"

    @property
    def reached_target(self) -> bool:
        return STOPPED in self.tags

    @property
    def busy(self) -> bool:
        """Whether a process is at work on it."""
        return self.status == "RUNNING" and is_alive(self.tags)

    @property
    def checkpoints(self) -> list[Slot]:
        return slots(self.tags)

    def newest(self, last: int) -> int:
        """Return the epoch of the newest checkpoint up to an epoch, or 0."""
        return next((slot.epoch for slot in self.checkpoints if slot.epoch <= last), 0)


def read_study(run_id: str) -> StoredStudy:
    """Return a study by the id of its run."""
    client = mlflow.MlflowClient()
    run = client.get_run(run_id)
    with TemporaryDirectory() as folder:
        settings = yaml.safe_load(Path(client.download_artifacts(run_id, CONFIG, folder)).read_text())
    inputs = run.inputs.dataset_inputs if run.inputs else []
    digest = next((given.dataset.digest for given in inputs), "unknown")
    return StoredStudy(run_id, run.info.run_name, settings, digest, _started(run))


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
    return read_study(run_id)


def seeds_of_study(run_id: str) -> list[StoredSeed]:
    """Return the newest run of each seed below a study's run, in the order of the seeds."""
    experiment = mlflow.MlflowClient().get_run(run_id).info.experiment_id
    return _one_a_seed(_seeds(f"tags.`{PARENT}` = '{run_id}'", experiment))


def seeds_of_settings(study_hash: str) -> list[StoredSeed]:
    """Return the newest run of each seed trained with these settings, finished ones first; raise RunNotFound."""
    seeds = _one_a_seed(runs_of_settings(study_hash))
    if not any(seed.finished for seed in seeds):
        raise RunNotFound(
            f"experiment {current_experiment()} on {mlflow.get_tracking_uri()} has no finished seed with these "
            "settings: train one with the same settings, or name a study with -P study=<run id>"
        )
    return seeds


def runs_of_settings(study_hash: str, seed: int | None = None) -> list[StoredSeed]:
    """Return all runs of seeds, or of one seed, with these settings, in the order in which they started."""
    one = "" if seed is None else f" and tags.`{SEED}` = '{seed}'"
    return _seeds(f"tags.`{STUDY}` = '{study_hash}'{one}")


def seconds_of_alike(model: str, dataset: str, device: str) -> list[float]:
    """Return the seconds of an epoch of each seed of a model, data set and device, whatever its other settings."""
    alike = {"model_name": model, "dataset": dataset, "device": device}
    found = _seeds(" and ".join(f"params.{name} = '{value}'" for name, value in alike.items()))
    return [seed.seconds for seed in found if seed.seconds is not None]


def _one_a_seed(seeds: Sequence[StoredSeed]) -> list[StoredSeed]:
    newest_finished_last = sorted(seeds, key=lambda seed: seed.finished)  # stable
    by_number = {seed.number: seed for seed in newest_finished_last}
    return [by_number[number] for number in sorted(by_number)]


def _seeds(condition: str, experiment: str | None = None) -> list[StoredSeed]:
    found = search(f"tags.`{KIND}` = 'seed' and {condition}", experiment)
    return [_stored_seed(run) for run in found if {"seed", "epochs"} <= set(run.data.params)]


def _stored_seed(run: StoredRun) -> StoredSeed:
    return StoredSeed(
        id=run.info.run_id,
        number=int(_as_given(run, "seed")),
        epochs=int(_as_given(run, "epochs")),
        status=run.info.status,
        parent=run.data.tags.get(PARENT),
        artifacts=run.info.artifact_uri,
        tags=run.data.tags,
        started=_started(run),
        ended=datetime.fromtimestamp(run.info.end_time / 1000, UTC) if run.info.end_time else None,
        seconds=run.data.metrics.get(SECONDS),
    )


def started(run_id: str) -> datetime:
    """Return when a run has begun."""
    return _started(mlflow.MlflowClient().get_run(run_id))


def _started(run: StoredRun) -> datetime:
    return datetime.fromtimestamp(run.info.start_time / 1000, UTC)


def _as_given(run: StoredRun, name: str) -> str:
    """Return a param without the quotes of a shell, in which `mlflow run` logs the -P values that need them."""
    return " ".join(shlex.split(run.data.params[name]))
