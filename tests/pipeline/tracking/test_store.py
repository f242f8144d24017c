"""The store that runs are opened in: made whole or not at all, and named where it cannot be used."""

import errno
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pytest
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from pipeline.tracking.outbox import Outbox
from pipeline.tracking.retry import StoreError
from pipeline.tracking.run import Run
from pipeline.tracking.runs import open_run
from pipeline.tracking.store import check_store, current_experiment, is_here, open_store, reaching_store, search

Call = Callable[..., tuple[int, str, str]]


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
    """FAT, Drive on Colab and some network disks have none."""

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


@pytest.mark.parametrize("variable", [{}, {"MLFLOW_EXPERIMENT_NAME": "Default"}], ids=["by its id", "by its name"])
def test_a_deleted_experiment_is_named_with_the_command_that_restores_it(
    call: Call, monkeypatch: pytest.MonkeyPatch, variable: dict[str, str], options: dict[str, str]
) -> None:
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    mlflow.MlflowClient().delete_experiment("0")
    said = r"experiment 0 \(Default\) on sqlite:\S+ was deleted: `mlflow experiments restore -x 0` restores it, or name"
    for command in (
        ["study", f"--dataset={options['dataset']}"],
        ["compare"],
        ["sweep", f"--dataset={options['dataset']}"],
    ):
        code, _out, err = call(*command)
        assert (code, err.count("\n")) == (2, 1)
        assert re.search(said, err)
    with pytest.raises(StoreError, match=said):
        check_store()
    mlflow.MlflowClient().restore_experiment("0")
    assert current_experiment() == "0"


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("number", ["77", "abc"])
def test_an_experiment_that_does_not_exist_is_named_with_what_lists_them(
    call: Call, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", number)
    code, _out, err = call("compare")
    assert (code, err.count("\n")) == (2, 1)
    assert "`mlflow experiments search` lists those that there are: name one with MLFLOW_EXPERIMENT_ID" in err
    assert number in err
    with pytest.raises(StoreError, match="`mlflow experiments search` lists"):
        check_store()


@pytest.mark.usefixtures("store")
def test_a_run_that_is_deleted_while_it_is_written_to_is_named_with_the_command_that_restores_it() -> None:
    with pytest.raises(StoreError) as error, open_run("seed", "seed-0") as run:  # noqa: PT012  # it is closed, too
        mlflow.MlflowClient().delete_run(run.id)
        outbox = Outbox(run, Path("outbox"))
        outbox.add_metrics({"loss": 1.0}, 1)
        outbox.send()
    assert f"`mlflow runs restore --run-id {run.id}` restores it, and the same command resumes" in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(StoreError, match="it was deleted for good; the same command begins another one"):
        Run("0" * 32).set_tags({"a": "b"})


@pytest.mark.parametrize("variable", ["true", "1"])
def test_what_is_logged_is_written_when_the_call_returns_whatever_mlflow_s_variable_says(
    store: str, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_LOGGING", variable)
    monkeypatch.setattr(SqlAlchemyStore, "log_batch_async", lambda *_arguments, **_options: pytest.fail("later"))
    with open_run("seed", "seed-0") as run:
        run.set_tags({"a": "b"})
        outbox = Outbox(run, Path("outbox"))
        outbox.add_metrics({"loss": 1.0}, 1)
        outbox.close(0)
        found = mlflow.MlflowClient(store).get_run(run.id).data
        assert (found.tags["a"], found.metrics) == ("b", {"loss": 1.0})


def test_no_message_has_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    uri = "http://user:secret@127.0.0.1:9"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(StoreError) as error, reaching_store():
        raise MlflowException(f"API request to {uri}/api failed")
    assert str(error.value).startswith(
        "the tracking store http://...@127.0.0.1:9 cannot be used (API request to http://...@"
    )
    assert "secret" not in str(error.value)
