"""Runs that end as what they were: FINISHED, FAILED, or KILLED where a signal stopped them; no other status stays."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from typing import Any
from uuid import uuid4

import mlflow
from mlflow.entities import RunTag

from pipeline.host.signals import Interrupted
from pipeline.tracking.fencing import close_dead_runs
from pipeline.tracking.heartbeat import RELEASED, heartbeat, is_ours, signs_of_life
from pipeline.tracking.limits import NAME, TAG, shortened
from pipeline.tracking.mlflow_internals import start_system_metrics, with_source
from pipeline.tracking.retry import first_line, patiently
from pipeline.tracking.run import KIND, OPENED, PARENT, Run, RunTaken
from pipeline.tracking.store import current_experiment, mark_as_training, open_store, reaching_store, search

INHERITED = "MLFLOW_RUN_ID"  # set by `mlflow run`
log = logging.getLogger(__name__)


@contextmanager
def open_run(
    kind: str,
    name: str,
    *,
    tags: Mapping[str, str] | None = None,
    parent: str | None = None,
    run_id: str | None = None,
    patience: float = 0,
) -> Iterator[Run]:
    """Open a run, and close it whatever happens: the one named, that of `mlflow run` for this process, or a new one.

    A run below another is never that of `mlflow run`, whose id a worker of a Ray cluster may have inherited.
    """
    opened, name = uuid4().hex, shortened(name, NAME)
    given = {tag: shortened(value, TAG) for tag, value in (tags or {}).items()}
    all_tags = {KIND: kind, OPENED: opened, **signs_of_life(), **given, **({PARENT: parent} if parent else {})}
    client = open_store()
    if parent is None:
        close_dead_runs()
        run_id = run_id or os.environ.get(INHERITED)
    resumed, status = run_id is not None, "FAILED"
    try:
        with reaching_store():
            run_id = patiently(partial(_begin, client, run_id, name, all_tags, count()), patience, f"the run {name}")
        if parent is None:
            os.environ.pop(INHERITED, None)
            mark_as_training(client.get_run(run_id).info.experiment_id)
        with heartbeat(run_id), _system_metrics(run_id, wanted=kind == "seed", resumed=resumed):
            yield Run(run_id, patience)
        status = "FINISHED"
    except Interrupted:
        status = "KILLED"
        raise
    finally:
        _close(client, run_id, opened, status, patience)


def _begin(
    client: mlflow.MlflowClient, run_id: str | None, name: str, tags: Mapping[str, str], attempts: Iterator[int]
) -> str:
    """Return the id of the run, now RUNNING and this process's. A repeated attempt finds a run whose id was lost."""
    if next(attempts) and run_id is None:
        run_id = _created(tags[OPENED])
    if run_id is None:
        return str(client.create_run(current_experiment(), tags=with_source(tags), run_name=name).info.run_id)
    client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
    client.update_run(run_id, status="RUNNING", name=name)
    return run_id


def _created(opened: str) -> str | None:
    found = search(f"tags.`{OPENED}` = '{opened}'")
    return found[0].info.run_id if found else None


@contextmanager
def _system_metrics(run_id: str, *, wanted: bool, resumed: bool) -> Iterator[None]:
    """Log processor, memory and GPU, unless MLflow's own variable switches that off, or they are not available."""
    monitor: Any = None
    if wanted:
        try:
            monitor = start_system_metrics(run_id, resumed=resumed)
        except Exception as error:  # a seed can be trained without them
            log.warning("no system metrics: %s", first_line(error))
    try:
        yield
    finally:
        if monitor:
            monitor.finish()


def _close(client: mlflow.MlflowClient, run_id: str | None, opened: str, status: str, patience: float) -> None:
    """End a run that is still this process's.

    Where the server does not answer, it stays RUNNING until the next command closes it.
    """
    try:
        patiently(partial(_end, client, run_id, opened, status), patience if status == "FINISHED" else 0)
    except Exception as error:
        if status == "FINISHED":
            raise
        log.warning("the run %s could not be marked %s: %s", run_id or opened, status, first_line(error))


def _end(client: mlflow.MlflowClient, run_id: str | None, opened: str, status: str) -> None:
    run_id = run_id or _created(opened)  # an interrupt may come while a run is created
    if run_id and is_ours(client.get_run(run_id).data.tags):
        client.set_terminated(run_id, status)
        client.log_batch(run_id, tags=[RunTag(tag, value) for tag, value in RELEASED.items()])
    elif run_id and status == "FINISHED":
        raise RunTaken(f"another process writes to the run {run_id}")


def close_inherited(status: str) -> None:
    """End the run that `mlflow run` has opened for this process, if no command has opened it."""
    if run_id := os.environ.pop(INHERITED, None):
        with suppress(Exception):  # the process ends with a message of its own
            mlflow.MlflowClient().set_terminated(run_id, status)
