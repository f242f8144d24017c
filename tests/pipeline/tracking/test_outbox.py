"""What is sent arrives once, in order, also through a server that is away; a full disk is named."""

import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.exceptions import MlflowException, RestException

from pipeline.disk import DiskFull
from pipeline.tracking.liveness import PID
from pipeline.tracking.outbox import Outbox, ServerAway, send_left
from pipeline.tracking.runs import Run, RunTaken, open_run

pytestmark = pytest.mark.usefixtures("store")


class Line:
    """The way to the store, which can be cut."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cut = False
        for name in ("log_batch", "log_artifact", "get_run", "get_metric_history"):
            monkeypatch.setattr(mlflow.MlflowClient, name, self._through(getattr(mlflow.MlflowClient, name)))

    def _through(self, method: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            if self.cut:
                raise MlflowException("connection refused\nwith more lines")
            return method(*arguments, **options)

        return call


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    return Line(monkeypatch)


@pytest.fixture
def run() -> Run:
    with open_run("seed", "seed-3") as opened:
        pass
    return opened


def history(run: Run) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in run.client.get_metric_history(run.id, "epoch_seconds")]


def test_what_a_server_that_is_away_misses_comes_later_and_once(
    run: Run, line: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    outbox = Outbox(run, Path("outbox"))
    for step in (1, 2, 3):
        line.cut = step > 1
        outbox.add_metrics({"epoch_seconds": step / 10}, step)
        outbox.add_artifact("folder/file.txt", lambda path, step=step: path.write_text(f"step {step}"))
        outbox.add_tags({"named": f"step {step}"})
        outbox.send()
    err = capsys.readouterr().err
    assert err.count("the tracking server is away (connection refused): training goes on") == 1
    line.cut = False
    assert history(run) == [(1, 0.1)]
    outbox.close(0)
    assert history(run) == [(1, 0.1), (2, 0.2), (3, 0.3)]
    assert (Path(run.artifact_location("folder")) / "file.txt").read_text() == "step 3"
    assert run.tags()["named"] == "step 3"
    assert "the tracking server is back" in capsys.readouterr().err
    assert not (Path("outbox") / run.id).exists()


def test_away_for_good_is_said_and_what_is_kept_is_sent_by_the_next(run: Run, line: Line) -> None:
    outbox = Outbox(run, Path("outbox"))
    line.cut = True
    outbox.add_metrics({"epoch_seconds": 0.5}, 1)
    with pytest.raises(ServerAway, match=rf"kept in outbox/{run.id}: start the server, and the same command"):
        outbox.close(0)
    line.cut = False
    send_left([run.id], Path("outbox"), 0)
    assert history(run) == [(1, 0.5)]
    send_left([run.id], Path("outbox"), 0)


def test_a_kill_after_sending_and_before_forgetting_doubles_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = Outbox(run, Path("outbox"))
    outbox.add_metrics({"epoch_seconds": 0.5, "test_acc": 50.0}, 1)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_a, **_o: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            outbox.send()
    outbox.send()
    assert history(run) == [(1, 0.5)]


def test_metrics_that_somebody_else_has_logged_are_dropped(run: Run) -> None:
    outbox = Outbox(run, Path("outbox"))
    outbox.add_metrics({"epoch_seconds": 0.5}, 1)
    outbox.add_metrics({"epoch_seconds": 0.6}, 2)
    run.client.log_metric(run.id, "epoch_seconds", 0.55, step=1)
    send_left([run.id], Path("outbox"), 0)
    assert sorted(history(run)) == [(1, 0.55), (2, 0.6)]  # MLflow orders them by time


def test_more_metrics_than_a_request_takes_are_split_and_the_last_comes_last(run: Run) -> None:
    outbox = Outbox(run, Path("outbox"))
    outbox.add_metrics({f"rwc/{number:04}": 1.0 for number in range(1500)} | {"epoch_seconds": 2.0}, 1)
    outbox.close(0)
    assert len(run.client.get_run(run.id).data.metrics) == 1501


def test_what_the_server_refuses_is_an_error_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise RestException({"error_code": "PERMISSION_DENIED", "message": "a reader cannot write"})

    monkeypatch.setattr(mlflow.MlflowClient, "log_batch", refuse)
    outbox = Outbox(run, Path("outbox"))
    outbox.add_metrics({"epoch_seconds": 0.5}, 1)
    with pytest.raises(RestException, match="a reader cannot write"):
        outbox.send()


def test_a_server_whose_connections_are_all_in_use_is_asked_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says 400, as if the request were wrong, when too many seeds log at once."""
    said = {"error_code": "BAD_REQUEST", "message": "QueuePool limit of size 5 overflow 10 reached, timed out"}

    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise RestException(said)

    outbox = Outbox(run, Path("outbox"))
    outbox.add_metrics({"epoch_seconds": 0.5}, 1)
    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "log_batch", refuse)
        outbox.send()
    outbox.close(0)
    assert history(run) == [(1, 0.5)]


def test_who_comes_back_to_a_run_that_another_has_taken_over_writes_nothing(run: Run, line: Line) -> None:
    outbox = Outbox(run, Path("outbox"))
    line.cut = True
    outbox.add_metrics({"epoch_seconds": 0.5}, 1)
    outbox.send()
    line.cut = False
    run.set_tags({PID: "999999999"})
    with pytest.raises(RunTaken, match="another process has taken over"):
        outbox.close(0)
    assert history(run) == []


def test_a_full_disk_is_named_with_what_is_missing_and_leaves_no_half_file(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = Outbox(run, Path("outbox"))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**9, 10**9, 2_000_000))
    with pytest.raises(DiskFull, match=r"2.0 MB free\): slot-a.pt takes 7.5 MB, 5.5 MB are missing"):
        outbox.add_artifact("slot-a.pt", lambda path: path.write_bytes(b"x"), size=7_500_000)
    assert list(outbox.folder.rglob("*.pt*")) == []


def test_writing_to_a_disk_that_is_full_is_translated(run: Run) -> None:
    def write(_path: Path) -> None:
        with Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"x")

    with pytest.raises(DiskFull, match=r"report\.html has no room; make room"):
        Outbox(run, Path("outbox")).add_artifact("report.html", write)
