"""How runs end."""

import signal

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from pipeline.interrupt import Interrupted
from pipeline.tracking.liveness import PID
from pipeline.tracking.runs import KIND, open_run


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("status", ["RUNNING", "KILLED"])
def test_a_run_that_another_process_has_taken_over_is_left_as_it_is(status: str) -> None:
    client = mlflow.MlflowClient()
    with open_run("seed", "seed-0") as run:
        client.set_tag(run.id, PID, "1")
        client.update_run(run.id, status=status)
    assert client.get_run(run.id).info.status == status


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
