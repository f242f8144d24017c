"""The SQLite database that a tracking URI names: its file, its address from elsewhere, and its creation."""

import os
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import mlflow
from filelock import FileLock
from sqlalchemy import create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from pipeline.tracking.retry import StoreError

FILE = "file:"  # begins SQLite's own form of an address, which SQLAlchemy takes with ?uri=true


def database_file(uri: str) -> Path | None:
    """Return the file of a SQLite database, or None for another kind of store; raise StoreError for one without."""
    url = _sqlite(uri)
    if url is None:
        return None
    given = url.database or ""
    path = unquote(urlsplit(given).path) if _has_own_form(url) else given
    if url.host or path in ("", ":memory:") or url.query.get("mode") == "memory":
        raise StoreError(
            f"the tracking store {uri} names no file, so that other processes could not read it: set "
            f"MLFLOW_TRACKING_URI to sqlite:///{url.host or 'mlflow.db'}"
        )
    try:
        create_engine(url)  # which reads the query, and connects to nothing
    except ValueError as error:
        raise StoreError(f"the tracking store {uri} has a wrong value after its ? ({error}): correct it") from error
    except ImportError as error:
        raise StoreError(f"the tracking store {uri} needs a driver ({error}): set it to sqlite:///{path}") from error
    if Path(path).is_dir():
        raise StoreError(f"the tracking store {uri} is a folder: set MLFLOW_TRACKING_URI to {uri}/mlflow.db")
    return Path(path)


def absolute(uri: str) -> str:
    """Return the address of a store as every process of this machine can use it, whatever its working folder."""
    path, url = database_file(uri), _sqlite(uri)
    if path is None or url is None:
        return uri
    place = str(path.absolute())
    return _address(url.set(database=f"{FILE}{quote(place)}" if _has_own_form(url) else place))


def create_database(uri: str) -> None:
    """Create the SQLite database of an address if it is missing: aside, so that it is whole or not there.

    MLflow makes its tables one by one, and cannot use a database in which a kill has left some of them.
    """
    path = database_file(uri)
    if path is None or path.exists():
        return
    with FileLock(f"{path}.lock") as lock:
        if not path.exists():  # another process may have been first
            _make(path)
        Path(lock.lock_file).unlink(missing_ok=True)  # those that wait for it find the database


def _make(path: Path) -> None:
    for left in path.parent.glob(f"{path.name}.*partial"):  # by a killed process
        left.unlink()
    aside = path.with_name(f"{path.name}.{os.getpid()}.partial")
    mlflow.MlflowClient(_address(URL.create("sqlite", database=str(aside.absolute())))).search_experiments()
    try:
        os.link(aside, path)  # which replaces nothing that another program has made meanwhile
    except FileExistsError:
        pass
    except OSError:  # no hard links, as on FAT
        aside.replace(path)
    aside.unlink(missing_ok=True)


def _sqlite(uri: str) -> URL | None:
    try:
        url = make_url(uri)
    except (ArgumentError, ValueError):  # a path, or the address of a server
        return None
    return url if url.get_backend_name() == "sqlite" else None


def _has_own_form(url: URL) -> bool:
    return (url.database or "").startswith(FILE) and "uri" in url.query


def _address(url: URL) -> str:
    return url.render_as_string(hide_password=False)
