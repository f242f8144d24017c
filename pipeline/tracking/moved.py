"""A project's folder that was moved or copied: its SQLite database names the artifacts where they were before.

MLflow stores the place of artifacts as an absolute path, by default `mlruns/<experiment>` of the folder in which the
experiment was created: new artifacts would be written to the old folder, which a copy must leave alone.
"""

import os
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import mlflow
from mlflow.entities import Experiment, ViewType
from sqlalchemy import create_engine, text

from pipeline.tracking.database import database_file
from pipeline.tracking.mlflow_internals import ARTIFACT_PLACES
from pipeline.tracking.retry import StoreError

DEFAULT = "mlruns"
LOOKED_AT = 100  # folders of runs: one of them tells
COMMAND = "`python -m pipeline relocate`"


class Moved(NamedTuple):
    """An experiment whose artifacts belong in the folder `now`; the database names another one, `former`, as `uri`."""

    uri: str
    former: Path
    now: Path


@cache
def refuse_moved(uri: str) -> None:
    """Raise StoreError where the database of an address was moved or copied; read it once in a process."""
    for _uri, former, now in moved_experiments(uri):
        where = f"{database_file(uri)} names {former.parent} for the artifacts of its runs"
        if now.parent.is_dir():
            raise StoreError(f"{where}, but was moved or copied with them to {now.parent}: {COMMAND} corrects it")
        if former.parent.parent.is_dir():
            raise StoreError(
                f"{where}, where another database of that name lies, so this is a copy: copy the artifacts to "
                f"{now.parent}, and {COMMAND} corrects it"
            )
        raise StoreError(
            f"{where}, a folder that is gone: put them into {now.parent}, and {COMMAND} corrects the database; or set "
            "MLFLOW_TRACKING_URI to another store"
        )


def moved_experiments(uri: str) -> Iterator[Moved]:
    """Yield the experiments of a SQLite database that name a folder which is gone, or artifacts that lie elsewhere.

    They lie beside the database, or in the working folder: there is the folder of a run of one of the experiments that
    were created in the same folder. Without artifacts, another database of the same name where the first was shows that
    this one is a copy. A place that a person has chosen has none of these signs.
    """
    database = database_file(uri)
    if database is None:
        return
    client, around = mlflow.MlflowClient(uri), (database.absolute().parent, Path.cwd())
    by_project: dict[Path, list[tuple[str, Path]]] = {}
    for experiment in client.search_experiments(ViewType.ALL):
        if place := _default_place(experiment):
            by_project.setdefault(place.parents[1], []).append((experiment.artifact_location, place))
    for project, places in by_project.items():
        if any(_is_same(project, folder) for folder in around):
            continue
        here = next((folder for folder in around if _holds_runs(client, folder / DEFAULT, places)), None)
        copied = (project / database.name).is_file()  # ours lies in `around`
        if here or copied or not os.access(project, os.F_OK):
            for stored, place in places:
                yield Moved(stored, place, (here or around[0]) / DEFAULT / place.name)


def relocate(uri: str, moved: Moved) -> None:
    """Name the place where the artifacts of an experiment are, in the database, for all of its runs and models."""
    with create_engine(uri).begin() as connection:
        for table, column in ARTIFACT_PLACES:
            connection.execute(
                text(
                    f"UPDATE {table} SET {column} = :now || substr({column}, length(:former) + 1) "
                    f"WHERE {column} = :former OR substr({column}, 1, length(:former) + 1) = :former || '/'"
                ),
                {"former": moved.uri, "now": str(moved.now)},
            )


def _default_place(experiment: Experiment) -> Path | None:
    """Return the folder of an experiment's artifacts if it has the form of MLflow's default."""
    parts = urlsplit(experiment.artifact_location)
    path = Path(unquote(parts.path) if parts.scheme else experiment.artifact_location)
    default = path.is_absolute() and (path.parent.name, path.name) == (DEFAULT, experiment.experiment_id)
    return path if default and parts.scheme in ("", "file") else None


def _is_same(one: Path, other: Path) -> bool:
    return os.access(one, os.F_OK) and one.samefile(other)


def _holds_runs(client: mlflow.MlflowClient, artifacts: Path, places: Iterable[tuple[str, Path]]) -> bool:
    """Return whether a folder of artifacts is that of these experiments, and not of another database's."""
    return any(_holds_run(client, experiment.name, artifacts / experiment.name) for _stored, experiment in places)


def _holds_run(client: mlflow.MlflowClient, experiment: str, folder: Path) -> bool:
    found = (each.name for each in folder.iterdir() if each.name.isalnum()) if folder.is_dir() else ()
    names = ", ".join(f"'{name}'" for name in islice(found, LOOKED_AT))
    return bool(names and client.search_runs([experiment], f"attributes.run_id IN ({names})", ViewType.ALL, 1))
