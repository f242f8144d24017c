"""The store that runs are opened in: made whole or not at all, and named where it cannot be used."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pytest

from pipeline.tracking.retry import StoreError
from pipeline.tracking.runs import open_run
from pipeline.tracking.store import current_experiment, is_here, open_store, search


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a database that is not there yet, and that this process tracks to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/new.db")
    return tmp_path / "new.db"


def test_a_database_is_made_aside_and_what_a_kill_left_of_it_goes(database: Path) -> None:
    Path(f"{database}.{os.getpid()}.partial").write_bytes(b"half a database")
    (experiment,) = open_store().search_experiments()
    assert [path.name for path in database.parent.glob("new*")] == ["new.db"]
    assert experiment.artifact_location == f"{database.parent}/mlruns/0"
    with open_run("prepare", "prepare-x") as run:
        run.log_texts({"file.txt": "x"})
    assert (Path(run.artifact_location("file.txt"))).read_text() == "x"
    assert [found.info.run_id for found in search("attributes.status = 'FINISHED'")] == [run.id]


def test_a_database_is_made_once_by_many_and_without_hard_links(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAT, and some network disks, have none."""

    def refuse(*_arguments: object) -> None:
        raise OSError(errno.EPERM, "operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with ThreadPoolExecutor(4) as pool:
        clients = list(pool.map(lambda _number: open_store(), range(4)))
    runs = [client.create_run("0").info.run_id for client in clients]
    assert {run.info.run_id for run in open_store().search_runs(["0"])} == set(runs)
    assert [path.name for path in database.parent.glob("new*")] == ["new.db"]


@pytest.mark.usefixtures("database")
def test_a_store_that_cannot_be_used_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    uri = "http://127.0.0.1:9"
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(StoreError, match=rf"the tracking store {uri} cannot be used .*: start it, or set") as error:
        search("attributes.status = 'RUNNING'")
    assert "\n" not in str(error.value)
    assert mlflow.active_run() is None


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("sqlite:///mlflow.db", True),
        ("file:///tmp/mlruns", True),
        ("http://127.0.0.1:5000", True),
        ("http://localhost:5000", True),
        ("http://[::1]:5000", True),
        ("http://10.0.0.1:5000", False),
        ("https://mlflow.example.org", False),
        ("postgresql+psycopg://db.example.org/mlflow", False),
    ],
)
def test_what_other_machines_do_not_reach(monkeypatch: pytest.MonkeyPatch, address: str, here: bool) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert is_here() is here


@pytest.mark.usefixtures("store")
def test_an_experiment_that_two_processes_create_at_once_is_the_same_for_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "layers")
    find = mlflow.MlflowClient.get_experiment_by_name
    answers = iter([None])  # the first look is before the other process has created it
    first = mlflow.MlflowClient().create_experiment("layers")
    monkeypatch.setattr(
        mlflow.MlflowClient, "get_experiment_by_name", lambda client, name: next(answers, find(client, name))
    )
    assert current_experiment() == first
    assert current_experiment() == first


@pytest.mark.usefixtures("store")
def test_a_missing_experiment_is_created_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "new")
    assert current_experiment() == current_experiment() != "0"
