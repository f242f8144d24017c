"""What `doctor` looks at in the tracking store: whether runs can be kept there. Nothing is made."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlparse

import mlflow
from mlflow.store.db import utils
from mlflow.store.db.db_types import DATABASE_ENGINES

from pipeline.commands.checks import Finding, unwritable
from pipeline.tracking.answers import location_on_server, root_cause, server, shown

DATABASES: Any = utils  # untyped; what MLflow has in public makes a database that is not there
FOR_ARTIFACTS = "mlruns"  # the folder beside a database that MLflow makes


def store() -> Finding:
    """Say where MLFLOW_TRACKING_URI leads, and whether runs can be kept there."""
    uri = mlflow.get_tracking_uri()
    if _scheme(uri) in ("http", "https"):
        return server(uri)
    if _scheme(uri) in DATABASE_ENGINES:
        path = _sqlite_file(uri)
        return _file(path) or _database(uri) if path else _database(uri)
    if _scheme(uri).startswith("databricks"):
        return Finding("note", f"{uri} is not looked into", "mlflow experiments search says whether it answers")
    remedy = "set MLFLOW_TRACKING_URI to a database or a server; mlflow migrate-filestore moves runs there"
    return Finding("fix", f"{shown(uri)} is no server and no database, and MLflow keeps no runs in folders", remedy)


def artifact_folder() -> Path | None:
    """Return where on this machine the artifacts of the experiment go; None where a server or a bucket keeps them."""
    uri = mlflow.get_tracking_uri()
    location = location_on_server(uri) if _scheme(uri) in ("http", "https") else _location_in_database(uri)
    parsed = urlparse(location)
    return Path(unquote(parsed.path)).absolute() if parsed.scheme in ("", "file") else None


def _scheme(uri: str) -> str:
    """Return the first part of an address, without the driver of a database."""
    return uri.partition(":")[0].partition("+")[0]


def _sqlite_file(uri: str) -> Path | None:
    return Path(uri.partition(":///")[2]) if _scheme(uri) == "sqlite" else None


def _file(path: Path) -> Finding | None:
    """Say what is wrong with an SQLite file that cannot be written, or that it is not there yet."""
    reason = unwritable(path.parent)
    if not reason and path.exists() and not os.access(path, os.W_OK):
        reason = f"{path} may not be written"
    if reason:
        return Finding("fix", reason, "give write access, or set MLFLOW_TRACKING_URI to another store")
    return None if path.exists() else Finding("ok", f"{path} is not there yet: the first run makes it")


def _database(uri: str) -> Finding:
    """Compare the tables of a database with those of this MLflow."""
    try:
        with _opened(uri) as engine:
            version, is_empty = DATABASES._get_schema_version(engine), DATABASES._is_empty_database(engine)
    except Exception as error:  # each kind of database has its own errors
        remedy = "start or mend it, or set MLFLOW_TRACKING_URI to another store"
        return Finding("fix", f"{shown(uri)} cannot be read ({root_cause(error)})", remedy)
    if version is None and is_empty:
        return Finding("ok", f"{shown(uri)} is empty: the first run makes its tables")
    if version != DATABASES._get_latest_schema_revision():
        mend = f"back it up, then mlflow db upgrade {shlex.quote(shown(uri))}, or use the newer MLflow that made it"
        return Finding("fix", f"{shown(uri)} has not the tables of MLflow {mlflow.__version__}", mend)
    return Finding("ok", f"{shown(uri)}, with the tables of MLflow {mlflow.__version__}")


def _location_in_database(uri: str) -> str:
    path = _sqlite_file(uri)
    if path and not path.exists():
        return FOR_ARTIFACTS
    with _opened(uri) as engine, engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT experiment_id, name, artifact_location FROM experiments").all()
    name, number = os.environ.get("MLFLOW_EXPERIMENT_NAME"), os.environ.get("MLFLOW_EXPERIMENT_ID", "0")
    ours = (row for row in rows if (row[1] == name if name else str(row[0]) == number))
    return next((str(row[2]) for row in ours), FOR_ARTIFACTS)


@contextmanager
def _opened(uri: str) -> Iterator[Any]:
    """Give a connection to a database; an SQLite file is opened for reading alone, and not made."""
    path = _sqlite_file(uri)
    engine = DATABASES.create_sqlalchemy_engine(f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true" if path else uri)
    try:
        yield engine
    finally:
        engine.dispose()
