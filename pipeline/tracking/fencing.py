"""Runs whose process is gone or lost: closed, and protected from a process that comes back."""

from contextlib import suppress

import mlflow
from mlflow.entities import RunTag
from mlflow.exceptions import MlflowException

from pipeline.tracking.heartbeat import FENCED, is_alive, is_fenced, is_gone
from pipeline.tracking.run import KIND, SEED, STUDY
from pipeline.tracking.store import search


def close_dead_runs() -> None:
    """Mark the runs of this project whose process is gone, of whatever kind, as KILLED: nothing else will."""
    for run in search(f"attributes.status = 'RUNNING' and tags.`{KIND}` != ''"):
        if not is_alive(run.data.tags):
            with suppress(MlflowException):  # another command may close it, or a user with the permission
                mlflow.MlflowClient().set_terminated(run.info.run_id, "KILLED")


def close_seed(study_hash: str, seed: int, status: str = "FAILED") -> None:
    """End the unfinished runs of a locked seed whose process is lost."""
    running = f"tags.`{STUDY}` = '{study_hash}' and tags.`{SEED}` = '{seed}' and attributes.status = 'RUNNING'"
    for run in search(running):
        fence(run.info.run_id, status)


def fence(run_id: str, status: str = "KILLED") -> None:
    """End a run for its process, which may be alive: it detects this before it sends artifacts. It is not resumed."""
    client = mlflow.MlflowClient()
    stored = client.get_run(run_id)
    if not is_gone(stored.data.tags) and not is_fenced(stored.data.tags):
        client.log_batch(run_id, tags=[RunTag(tag, value) for tag, value in FENCED.items()])
    if stored.info.status == "RUNNING":
        client.set_terminated(run_id, status)
