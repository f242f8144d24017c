"""The tracking store of this process: checked, connected, created if it is a missing database, searched."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlparse

import mlflow
from filelock import FileLock
from mlflow.entities import Experiment
from mlflow.entities import Run as StoredRun
from mlflow.exceptions import MlflowException

from pipeline.host.disk import unwritable
from pipeline.tracking.retry import REMEDIES, StoreError, first_line, repeat

PAGE = 1000
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ONE_PROCESS = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_NAME")  # which run a process is; a name that the id makes needless


def current_experiment() -> str:
    """Return the id of the experiment that MLflow's variables name, created if it is missing; else of the default."""
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME")
    if not name:
        return os.environ.get("MLFLOW_EXPERIMENT_ID", "0")
    client = mlflow.MlflowClient()
    if known := client.get_experiment_by_name(name):
        return str(known.experiment_id)
    try:
        return str(client.create_experiment(name))
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
        remedy = REMEDIES.get(getattr(error, "error_code", ""), "start it, or set MLFLOW_TRACKING_URI")
        raise StoreError(
            f"the tracking store {mlflow.get_tracking_uri()} cannot be used ({first_line(error)}): {remedy}"
        ) from error


def open_store() -> mlflow.MlflowClient:
    """Return a client of the tracking store; a missing SQLite database is created aside, whole or not at all.

    MLflow makes its tables one by one, and cannot use a database in which a kill has left some of them.
    """
    scheme, _slashes, path = mlflow.get_tracking_uri().partition(":///")
    with reaching_store():
        if scheme == "sqlite" and path and not Path(path).exists():
            with FileLock(f"{path}.lock") as lock:
                if not Path(path).exists():  # another process may have been first
                    _make_database(Path(path))
                Path(lock.lock_file).unlink(missing_ok=True)  # those that wait for it find the database
        return mlflow.MlflowClient()


def check_store() -> str:
    """Return which tracking store answers this user; raise StoreError. A missing SQLite database is not created."""
    store, path = re.sub("(?<=//)[^/]*@", "...@", address()), _sqlite_file()  # without a password
    if path and (reason := unwritable(path)):
        raise StoreError(f"{reason}: give write access, or set MLFLOW_TRACKING_URI to another store")
    if path and _is_empty(path):
        return f"{store} is empty: the first run creates its tables"
    try:
        _find_experiment()
    except Exception as error:  # each kind of store raises its own
        remedy = REMEDIES.get(getattr(error, "error_code", ""), "start it, or set MLFLOW_TRACKING_URI to another store")
        if "Invalid Host" in str(error):
            remedy = "add its name to --allowed-hosts where the server is started (docs/server.md)"
        raise StoreError(f"{store} cannot be used ({_root_cause(error)}): {remedy}") from error
    return f"{store} answers"


def artifact_folder() -> Path | None:
    """Return the folder on this machine that stores the experiment's artifacts, or None if they go elsewhere."""
    path = _sqlite_file()
    experiment = None if path and _is_empty(path) else _find_experiment()
    if experiment is None and address().startswith("http"):
        return None
    location = urlparse(experiment.artifact_location if experiment else "mlruns")  # MLflow's default for databases
    return Path(unquote(location.path)).absolute() if location.scheme in ("", "file") else None


def _sqlite_file() -> Path | None:
    scheme, _slashes, path = address().partition(":///")
    return Path(path) if scheme == "sqlite" and path else None


def _is_empty(database: Path) -> bool:
    return not database.exists() or database.stat().st_size == 0


def _find_experiment() -> Experiment | None:
    """Return the current experiment; unlike `current_experiment`, create none."""
    client, name = mlflow.MlflowClient(), os.environ.get("MLFLOW_EXPERIMENT_NAME")
    number = os.environ.get("MLFLOW_EXPERIMENT_ID", "0")
    return client.get_experiment_by_name(name) if name else client.get_experiment(number)


def _root_cause(error: BaseException) -> str:
    while below := error.__cause__ or error.__context__:
        error = below
    return first_line(error)


def _make_database(path: Path) -> None:
    for left in path.parent.glob(f"{path.name}.*partial"):  # by a killed process
        left.unlink()
    aside = path.with_name(f"{path.name}.{os.getpid()}.partial")
    mlflow.MlflowClient(f"sqlite:///{aside}").search_experiments()
    try:
        os.link(aside, path)  # which replaces nothing that another program has made meanwhile
    except FileExistsError:
        pass
    except OSError:  # no hard links, as on FAT
        aside.replace(path)
    aside.unlink(missing_ok=True)


def is_here() -> bool:
    """Say whether this machine alone reaches the store: it is a file, or at an address that every machine has."""
    uri = urlparse(mlflow.get_tracking_uri())
    return uri.hostname in LOOPBACK if uri.scheme.startswith("http") else uri.scheme in ("", "file", "sqlite")


def variables() -> dict[str, str]:
    """Return the variables by which a process elsewhere tracks to the same experiment, as the same user."""
    open_store()
    given = {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}
    scheme, colons, path = mlflow.get_tracking_uri().partition(":///")
    uri = f"{scheme}{colons}{Path(path).absolute()}" if scheme == "sqlite" else mlflow.get_tracking_uri()
    with reaching_store():
        here = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_EXPERIMENT_ID": current_experiment()}
    return {name: value for name, value in given.items() if name not in ONE_PROCESS} | here


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
