"""The runs of studies and their seeds, found in the store."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import NamedTuple

import mlflow
from mlflow.entities import Run as StoredRun

from pipeline.config.schema import MEASURE
from pipeline.config.settings import BEFORE, Config
from pipeline.config.values import distinct_seeds
from pipeline.console.errors import BadInput
from pipeline.tracking.checkpoints import Checkpoint
from pipeline.tracking.heartbeat import is_alive
from pipeline.tracking.retry import StoreError
from pipeline.tracking.run import KIND, MEASURED, PARENT, SECONDS, SEED, STOPPED, STUDY, as_measured, setting_tag
from pipeline.tracking.slots import uploaded_checkpoints
from pipeline.tracking.store import reaching_store, search

SETTINGS = tuple(setting.name for setting in fields(Config))


class RunNotFound(BadInput):
    """There is no such study or seed; the message is one line and names the remedy."""


class StoredStudy(NamedTuple):
    """A study's run: its settings, resolved, as text; `hash` is of those that change numbers, `digest` of the data."""

    id: str
    name: str
    settings: Mapping[str, str]
    hash: str
    experiment: str
    digest: str
    started: datetime
    ended: datetime | None

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that were asked for."""
        return distinct_seeds(self.settings["seeds"])

    @property
    def epochs(self) -> int:
        return int(self.settings["epochs"])

    @property
    def fresh(self) -> bool:
        return self.settings["fresh"] == "true"


class StoredSeed(NamedTuple):
    """A seed's run: `epochs` were asked of it, `seconds` are those of its last epoch so far, if any.

    `measured` is the history of the settings by which its epochs were measured, empty where it is unknown.
    """

    id: str
    number: int
    epochs: int
    status: str
    parent: str | None
    artifacts: str
    tags: dict[str, str]
    started: datetime
    ended: datetime | None
    seconds: float | None
    measured: str = ""

    @property
    def finished(self) -> bool:
        return self.status == "FINISHED"

    @property
    def reached_target(self) -> bool:
        return STOPPED in self.tags

    @property
    def busy(self) -> bool:
        """Whether a process may be training it, whatever its status: another process may have marked a stopped one."""
        return not self.finished and is_alive(self.tags)

    def has(self, epochs: int) -> bool:
        """Return whether it is finished with at least `epochs` epochs, or stopped early at its target."""
        return self.finished and (self.epochs >= epochs or self.reached_target)

    @property
    def checkpoints(self) -> list[Checkpoint]:
        """The checkpoints that are uploaded, the newest first."""
        return uploaded_checkpoints(self.id, self.artifacts, self.tags)


def read_study(run_id: str) -> StoredStudy:
    """Return a study by the id of its run."""
    return stored_study(mlflow.MlflowClient().get_run(run_id))


def stored_study(run: StoredRun) -> StoredStudy:
    """Return a study from its run: the settings are tags, which it has from its creation on."""
    inputs = run.inputs.dataset_inputs if run.inputs else []
    digest = next((given.dataset.digest for given in inputs), "unknown")
    tags = run.data.tags
    known = {name: tags[setting_tag(name)] for name in SETTINGS if setting_tag(name) in tags}
    return StoredStudy(
        id=run.info.run_id,
        name=run.info.run_name,
        settings=BEFORE | known if known else {},
        hash=tags.get(STUDY, ""),
        experiment=run.info.experiment_id,
        digest=digest,
        started=_started(run),
        ended=_ended(run),
    )


def find_study(run_id: str) -> StoredStudy:
    """Return a study with finished seeds by the id of its run; raise RunNotFound."""
    try:
        with reaching_store():
            run = mlflow.MlflowClient().get_run(run_id)
    except StoreError as error:
        if getattr(error.__cause__, "error_code", "") not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise RunNotFound(
            f"study must be the id of a study's run; there is no run {run_id!r} on {mlflow.get_tracking_uri()}"
        ) from None
    if run.data.tags.get(KIND) != "study":
        raise RunNotFound(f"study must be the id of a study's run, with the tag {KIND}=study; {run_id} has none")
    study = stored_study(run)
    if not study.settings:
        raise RunNotFound(f"the study {run_id} has no settings as tags: it is from another version; run it again")
    if not seeds_of_study(study):
        raise RunNotFound(f"the study {run_id} has no finished seed: run it again, or name another one")
    return study


def seeds_of_study(study: StoredStudy) -> list[StoredSeed]:
    """Return the finished runs of a study's seeds with at least its epochs, whoever trained them, a run a seed.

    They follow from settings, seeds and epochs. Where there are several, the newest that began before the study ended
    is used, so that runs of later studies change nothing. A fresh study has none that began before it.
    """
    runs = [run for run in runs_of_settings(study.hash, experiment=study.experiment) if run.has(study.epochs)]
    if study.fresh:
        runs = [run for run in runs if run.started >= study.started]
    return one_a_seed(runs, study.seeds, study.epochs, before=study.ended)


def one_a_seed(
    runs: Sequence[StoredSeed], seeds: Sequence[int], epochs: int, *, before: datetime | None = None
) -> list[StoredSeed]:
    """Return a run for each seed that has one, in the order of the seeds: the preferred one of several."""

    def preference(run: StoredSeed) -> tuple[bool, bool, datetime]:
        return before is None or run.started <= before, run.epochs == epochs, run.started

    chosen = {run.number: run for run in sorted(runs, key=preference)}
    return [chosen[seed] for seed in sorted(seeds) if seed in chosen]


def runs_of_settings(study_hash: str, seed: int | None = None, experiment: str | None = None) -> list[StoredSeed]:
    """Return all runs of seeds, or of one seed, with these settings, in the order in which they started."""
    one = "" if seed is None else f" and tags.`{SEED}` = '{seed}'"
    return _seeds(f"tags.`{STUDY}` = '{study_hash}'{one}", experiment)


def seconds_of_alike(config: Config) -> list[float]:
    """Return the seconds of an epoch of each seed of a model, data set, size and device, whatever else is set."""
    names = (
        "model_name",
        "dataset",
        "image_size",
    )  # the first two may be paths, which a filter may not be able to quote
    alike = {name: config.as_text()[name] for name in names}
    found = search(f"tags.`{KIND}` = 'seed' and params.device = '{config.device}'")
    its = [
        run
        for run in found
        if all(run.data.tags.get(setting_tag(name), BEFORE.get(name)) == alike[name] for name in alike)
    ]
    return [run.data.metrics[SECONDS] for run in its if SECONDS in run.data.metrics]


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
        ended=_ended(run),
        seconds=run.data.metrics.get(SECONDS),
        measured=run.data.tags.get(MEASURED) or _measured(run.data.params),
    )


def _measured(params: Mapping[str, str]) -> str:
    """Return what a run without the tag was measured by: the settings that it began with."""
    return as_measured({name: params[name] for name in MEASURE if name in params})


def started(run_id: str) -> datetime:
    """Return when a run has begun."""
    return _started(mlflow.MlflowClient().get_run(run_id))


def _started(run: StoredRun) -> datetime:
    return datetime.fromtimestamp(run.info.start_time / 1000, UTC)


def _ended(run: StoredRun) -> datetime | None:
    return datetime.fromtimestamp(run.info.end_time / 1000, UTC) if run.info.end_time else None


def _as_given(run: StoredRun, name: str) -> str:
    """Return a param without the quotes of a shell, in which `mlflow run` logs the -P values that need them."""
    return " ".join(shlex.split(run.data.params[name]))
