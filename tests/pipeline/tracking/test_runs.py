"""How runs end."""

import signal
import time
from contextlib import ExitStack

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from pipeline.host.signals import Interrupted
from pipeline.tracking.heartbeat import FENCED, HEARTBEAT, HOST, PID, STARTED, identity
from pipeline.tracking.mlflow_internals import EXPERIMENT_KIND, MODEL_TRAINING, TRAINING_LAYOUT
from pipeline.tracking.run import KIND, RunTaken
from pipeline.tracking.runs import close_inherited, open_run
from pipeline.tracking.store import current_experiment


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("status", ["RUNNING", "KILLED", "FINISHED"])
@pytest.mark.parametrize("taken", [{PID: "1"}, {HOST: "elsewhere"}, FENCED])
def test_a_run_owned_by_another_process_is_not_changed(status: str, taken: dict[str, str]) -> None:
    client = mlflow.MlflowClient()
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(RunTaken))
        run = stack.enter_context(open_run("seed", "seed-0"))
        run.set_tags(taken)
        client.update_run(run.id, status=status)
    info = client.get_run(run.id).info
    assert (info.status, info.end_time) == (status, None)


@pytest.mark.usefixtures("store")
def test_a_run_is_closed_by_the_process_that_has_it() -> None:
    with open_run("seed", "seed-0") as run:
        pass
    assert mlflow.MlflowClient().get_run(run.id).info.status == "FINISHED"


@pytest.mark.usefixtures("store")
def test_a_run_is_closed_once_its_database_is_no_longer_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite refuses at once where two that have read both want to write."""
    refusals = [MlflowException("(sqlite3.OperationalError) database is locked")] * 3
    set_terminated = mlflow.MlflowClient.set_terminated

    def refuse_at_first(*arguments: object) -> None:
        if refusals:
            raise refusals.pop()
        set_terminated(*arguments)

    monkeypatch.setattr(mlflow.MlflowClient, "set_terminated", refuse_at_first)
    with pytest.raises(Interrupted), open_run("seed", "seed-0") as run:
        raise Interrupted(signal.SIGINT)
    assert not refusals
    assert mlflow.MlflowClient().get_run(run.id).info.status == "KILLED"


@pytest.mark.usefixtures("store")
def test_the_run_of_mlflow_run_is_taken_by_no_run_below_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker of a cluster that this process has started has its variables."""
    client = mlflow.MlflowClient()
    given = client.create_run("0").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", given)
    with open_run("study", "study") as study:
        assert study.id == given
        monkeypatch.setenv("MLFLOW_RUN_ID", given)
        with open_run("seed", "seed-0", parent=study.id) as seed:
            assert seed.id != given
    tags = client.get_run(given).data.tags
    assert (tags[KIND], tags["mlflow.runName"]) == ("study", "study")


@pytest.mark.usefixtures("store")
def test_a_run_whose_id_an_interrupt_or_a_lost_answer_has_cost_is_found_and_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, create_run = mlflow.MlflowClient(), mlflow.MlflowClient.create_run

    def create_and_be_interrupted(*arguments: object, **options: object) -> None:
        create_run(*arguments, **options)
        raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr(mlflow.MlflowClient, "create_run", create_and_be_interrupted)
    with pytest.raises(Interrupted), open_run("prepare", "prepare-x"):
        pytest.fail("it has not begun")
    (run,) = client.search_runs(["0"])
    assert run.info.status == "KILLED"


@pytest.mark.usefixtures("store")
def test_a_run_is_created_once_where_the_first_answer_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    client, create_run, answers = mlflow.MlflowClient(), mlflow.MlflowClient.create_run, ["lost"]

    def create_and_lose_the_answer(*arguments: object, **options: object) -> object:
        run = create_run(*arguments, **options)
        if answers.pop():
            raise ConnectionError("reset by peer")
        return run

    monkeypatch.setattr(mlflow.MlflowClient, "create_run", create_and_lose_the_answer)
    with open_run("seed", "seed-0", patience=60) as run:
        pass
    assert [found.info.run_id for found in client.search_runs(["0"])] == [run.id]
    assert client.get_run(run.id).info.status == "FINISHED"


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("kind", ["study", "seed", "prepare", "compare", "sweep"])
def test_every_command_closes_what_killed_ones_of_any_kind_have_left(kind: str) -> None:
    client = mlflow.MlflowClient()

    def left(tags: dict[str, str]) -> str:
        return str(client.create_run("0", tags={KIND: kind} | tags).info.run_id)

    now = {HEARTBEAT: f"{time.time():.0f}"}
    dead = left(identity() | now | {STARTED: "1"})
    silent = left(identity() | {HOST: "elsewhere", HEARTBEAT: "1000"})
    alive = left(identity() | now)
    away = left(identity() | now | {HOST: "elsewhere"})
    others = client.create_run("0").info.run_id  # a run of another project
    with open_run("prepare", "prepare-x"):
        pass
    statuses = {run: client.get_run(run).info.status for run in (dead, silent, alive, away, others)}
    assert statuses == {dead: "KILLED", silent: "KILLED", alive: "RUNNING", away: "RUNNING", others: "RUNNING"}


@pytest.mark.usefixtures("store")
def test_the_run_of_mlflow_run_is_closed_where_an_interrupt_comes_before_a_command_opens_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While a data set is downloaded, say."""
    client = mlflow.MlflowClient()
    given = client.create_run("0").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", given)
    close_inherited("KILLED")
    assert client.get_run(given).info.status == "KILLED"
    close_inherited("FAILED")
    assert client.get_run(given).info.status == "KILLED", "once"


def kind() -> str | None:
    tags: dict[str, str] = mlflow.MlflowClient().get_experiment(current_experiment()).tags
    return tags.get(EXPERIMENT_KIND)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("name", [None, "new"], ids=["an old experiment without a kind", "a new experiment"])
def test_an_experiment_without_a_kind_is_marked_as_one_of_training(
    monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    if name:
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", name)
    with open_run("study", "x"):
        assert kind() == MODEL_TRAINING


@pytest.mark.usefixtures("store")
def test_a_kind_that_the_experiment_has_stays() -> None:
    mlflow.MlflowClient().set_experiment_tag("0", EXPERIMENT_KIND, "genai_development")
    with open_run("study", "x"):
        pass
    assert kind() == "genai_development"


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("error", [MlflowException("PERMISSION_DENIED"), ConnectionError("gone")])
def test_a_run_ends_as_finished_in_an_experiment_whose_tags_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr(mlflow.MlflowClient, "set_experiment_tag", refuse)
    with open_run("study", "x") as run:
        pass
    assert mlflow.MlflowClient().get_run(run.id).info.status == "FINISHED"
    assert kind() is None
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]


@pytest.mark.usefixtures("store")
def test_the_run_of_mlflow_run_marks_its_own_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    client = mlflow.MlflowClient()
    elsewhere = client.create_experiment("elsewhere")
    monkeypatch.setenv("MLFLOW_RUN_ID", client.create_run(elsewhere).info.run_id)
    with open_run("study", "x"):
        pass
    assert client.get_experiment(elsewhere).tags[EXPERIMENT_KIND] == MODEL_TRAINING
    assert EXPERIMENT_KIND not in client.get_experiment("0").tags


@pytest.mark.parametrize("server", ["http://ada:secret@host:5000", "http://host:5000/", "https://host/team"])
def test_the_address_of_a_run_opens_the_training_layout_without_a_password(
    store: str, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    with open_run("study", "x") as run:
        assert run.how_to_browse() == f"mlflow ui --backend-store-uri {store}"
        monkeypatch.setattr(mlflow, "get_tracking_uri", lambda: server)
        plain = server.replace("ada:secret@", "").rstrip("/")
        assert run.how_to_browse() == f"{plain}/#/experiments/0/runs/{run.id}?{TRAINING_LAYOUT}"
        monkeypatch.undo()
