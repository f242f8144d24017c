"""The tracking store of this process: checked, connected, created if it is a missing database, searched."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlparse

import mlflow
from mlflow.entities import Experiment, LifecycleStage
from mlflow.entities import Run as StoredRun
from mlflow.exceptions import MlflowException

from pipeline.host.disk import unwritable
from pipeline.tracking.database import absolute, create_database, database_file
from pipeline.tracking.mlflow_internals import EXPERIMENT_KIND, MODEL_TRAINING
from pipeline.tracking.moved import refuse_moved
from pipeline.tracking.retry import RESTORE_EXPERIMENT, StoreError, first_line, remedy, repeat, without_password

PAGE = 1000
LOOPBACK = ("localhost", "127.0.0.1", "::1")
LATER = "MLFLOW_ENABLE_ASYNC_LOGGING"  # locks and the outbox rely on what is written when a call returns
HERE = ("", "file", "sqlite")  # schemes of stores that are files
ONE_PROCESS = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_NAME")  # which run a process is; a name that the id makes needless
log = logging.getLogger(__name__)


def current_experiment() -> str:
    """Return the id of the experiment that MLflow's variables name, created if it is missing; else of the default."""
    if known := _find_experiment():
        return str(known.experiment_id)
    try:
        return str(mlflow.MlflowClient().create_experiment(os.environ["MLFLOW_EXPERIMENT_NAME"]))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return current_experiment()  # another process was first


def address() -> str:
    return str(mlflow.get_tracking_uri())


@contextmanager
def reaching_store() -> Iterator[None]:
    """Raise StoreError in place of what MLflow and the connection raise."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, MlflowException | OSError) and not type(error).__module__.startswith("sqlalchemy"):
            raise
        what = f"the tracking store {without_password(address())} cannot be used ({first_line(error)})"
        raise StoreError(f"{what}: {remedy(error, 'start it, or set MLFLOW_TRACKING_URI')}") from error


def open_store() -> mlflow.MlflowClient:
    """Return a client of the tracking store; a missing SQLite database is created, a moved one refused."""
    os.environ[LATER] = "false"
    with reaching_store():
        create_database(address())
        refuse_moved(address())
        return mlflow.MlflowClient()


def check_store() -> str:
    """Return which tracking store answers this user; raise StoreError. A missing SQLite database is not created."""
    store, path = without_password(address()), database_file(address())
    if path and (reason := unwritable(path)):
        raise StoreError(f"{reason}: give write access, or set MLFLOW_TRACKING_URI to another store")
    if path and _is_empty(path):
        return f"{store} is empty: the first run creates its tables"
    try:
        _find_experiment()
        refuse_moved(address())
    except StoreError:
        raise
    except Exception as error:  # each kind of store raises its own
        advice = remedy(error, "start it, or set MLFLOW_TRACKING_URI to another store")
        if "Invalid Host" in str(error):
            advice = "add its name to --allowed-hosts where the server is started (docs/server.md)"
        raise StoreError(f"{store} cannot be used ({_root_cause(error)}): {advice}") from error
    return f"{store} answers"


def artifact_folder() -> Path | None:
    """Return the folder on this machine that stores the experiment's artifacts, or None if they go elsewhere."""
    path = database_file(address())
    experiment = None if path and _is_empty(path) else _find_experiment()
    if experiment is None and address().startswith("http"):
        return None
    location = urlparse(experiment.artifact_location if experiment else "mlruns")  # MLflow's default for databases
    return Path(unquote(location.path)).absolute() if location.scheme in ("", "file") else None


def _is_empty(database: Path) -> bool:
    return not database.exists() or database.stat().st_size == 0


def _find_experiment() -> Experiment | None:
    """Return the current experiment, or None if none has its name; raise StoreError for a deleted one."""
    client, name = mlflow.MlflowClient(), os.environ.get("MLFLOW_EXPERIMENT_NAME")
    number = os.environ.get("MLFLOW_EXPERIMENT_ID", "0")
    found = client.get_experiment_by_name(name) if name else client.get_experiment(number)
    if found and found.lifecycle_stage == LifecycleStage.DELETED:
        named = f"the experiment {found.experiment_id} ({found.name}) on {address()}"
        raise StoreError(f"{named} was deleted: {RESTORE_EXPERIMENT.format(found.experiment_id)}")
    return found


def _root_cause(error: BaseException) -> str:
    while below := error.__cause__ or error.__context__:
        error = below
    return first_line(error)


def is_here() -> bool:
    """Say whether this machine alone reaches the store: it is a file, or at an address that every machine has."""
    uri = urlparse(address())
    return uri.hostname in LOOPBACK if uri.scheme.startswith("http") else uri.scheme.partition("+")[0] in HERE


def variables() -> dict[str, str]:
    """Return the variables by which a process elsewhere tracks to the same experiment, as the same user."""
    open_store()
    given = {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}
    with reaching_store():
        here = {"MLFLOW_TRACKING_URI": absolute(address()), "MLFLOW_EXPERIMENT_ID": current_experiment()}
    return {name: value for name, value in given.items() if name not in ONE_PROCESS} | here


def mark_as_training(experiment: str) -> None:
    """Tag an experiment as one of model training, unless it has a kind or this user may not write to it."""
    client = mlflow.MlflowClient()
    try:
        if EXPERIMENT_KIND not in client.get_experiment(experiment).tags:
            client.set_experiment_tag(experiment, EXPERIMENT_KIND, MODEL_TRAINING)
    except Exception as error:  # runs do without it
        log.debug("the experiment %s has no kind: %s", experiment, first_line(error))


@reaching_store()
def search(condition: str, experiment: str | None = None) -> list[StoredRun]:
    """Return all runs for which a condition holds, of the current experiment or another, by the time of their start."""
    return repeat(partial(_search, condition, experiment), patience=0)


def _search(condition: str, experiment: str | None) -> list[StoredRun]:
    client = open_store()
    found: list[StoredRun] = []
    token = None
    while True:
        page = client.search_runs(
            [experiment or current_experiment()],
            condition,
            max_results=PAGE,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        found += page
        token = page.token
        if not token:
            return found
