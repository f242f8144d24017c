"""The tracking store of this process: reached, made where it is a database that is not there, and searched."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlparse

import mlflow
from filelock import FileLock
from mlflow.entities import Run as StoredRun
from mlflow.exceptions import MlflowException
from mlflow.tracking.fluent import _get_experiment_id  # the public ways to ask for it open a run

PAGE = 1000
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ONE_PROCESS = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_NAME")  # which run a process is; a name that the id makes needless
_CREDENTIALS = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to a user that it knows"
_PERMISSION = (
    "have its administrator give your user the permission EDIT on the experiment, or set MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD to a user who has it"
)
REMEDIES: dict[str | int, str] = {  # by MLflow's error code, or the HTTP status of what stands before it
    "UNAUTHENTICATED": _CREDENTIALS,
    401: _CREDENTIALS,
    "PERMISSION_DENIED": _PERMISSION,
    403: f"{_PERMISSION}; for a bucket, check its credentials",
    413: "raise the largest body that the proxy before the server accepts (nginx: client_max_body_size 0)",
    "other": "the log of the server or store says why; the same command resumes once it accepts",
}


class StoreError(Exception):
    """The tracking store does not answer, or refuses; the message is one line and names the remedy."""


def current_experiment() -> str:
    return str(_get_experiment_id())


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
    """Return a client of the tracking store; an SQLite database that is not there is made aside, whole or not at all.

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


def _make_database(path: Path) -> None:
    for left in path.parent.glob(f"{path.name}.*partial"):  # by a killed process
        left.unlink()
    aside = path.with_name(f"{path.name}.{os.getpid()}.partial")
    mlflow.MlflowClient(f"sqlite:///{aside}").search_experiments()
    aside.replace(path)


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


def first_line(error: BaseException) -> str:
    """Return what an error says, in one line that is short enough to read."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
