"""What is sent arrives once, in order, also through an outage of the server; a full disk is named."""

import json
import os
import shutil
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
import requests
from mlflow.exceptions import MlflowException, RestException

from pipeline.console.errors import Failure
from pipeline.host.disk import DiskFull
from pipeline.tracking.heartbeat import BOOT, HOST, PID, RELEASED, STARTED, identity, is_fenced
from pipeline.tracking.outbox import OWNERS, Outbox, add_owner, is_current, send_left
from pipeline.tracking.retry import StoreError, Unreachable
from pipeline.tracking.run import Run, RunTaken
from pipeline.tracking.runs import open_run

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
def run() -> Iterator[Run]:
    with open_run("seed", "seed-3") as opened:
        yield opened
        opened.set_tags(identity())  # whatever a test has done to it, so that it is closed


def history(run: Run) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in run.client.get_metric_history(run.id, "epoch_seconds")]


def test_an_outbox_of_another_user_is_left_alone_and_refused_in_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = Outbox(run, Path("outbox"))
    outbox.add_metrics({"epoch_seconds": 0.5}, 1)
    before = sorted(Path("outbox").rglob("*"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda _path, mode: mode != os.W_OK)
        send_left(run, Path("outbox"), 0)
    assert sorted(Path("outbox").rglob("*")) == before
    assert history(run) == []

    def refuse(path: Path, *_arguments: Any, **_options: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(Path, "write_text", refuse)
    for write in (lambda: Outbox(run, Path("outbox")), lambda: add_owner(outbox.folder)):
        with pytest.raises(Failure, match=rf"results cannot be kept in outbox/{run.id} .*name another data folder"):
            write()
    monkeypatch.setattr(Path, "read_text", refuse)
    assert not is_current(outbox.folder, run.tags())


def test_what_an_unreachable_server_missed_is_sent_later_and_once(
    run: Run, line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(run, Path("outbox"))
    for step in (1, 2, 3):
        line.cut = step > 1
        outbox.add_metrics({"epoch_seconds": step / 10}, step)
        outbox.add_artifact("folder/file.txt", lambda path, step=step: path.write_text(f"step {step}"))
        outbox.add_tags({"named": f"step {step}"})
        outbox.send()
    assert caplog.text.count("the tracking server is unreachable (connection refused): training continues") == 1
    line.cut = False
    assert history(run) == [(1, 0.1)]
    outbox.close(0)
    assert history(run) == [(1, 0.1), (2, 0.2), (3, 0.3)]
    assert (Path(run.artifact_location("folder")) / "file.txt").read_text() == "step 3"
    assert run.tags()["named"] == "step 3"
    assert "the tracking server is back" in caplog.text
    assert not (Path("outbox") / run.id).exists()


def test_a_server_that_stays_unreachable_is_reported_and_the_next_process_sends_what_is_kept(
    run: Run, line: Line
) -> None:
    outbox = Outbox(run, Path("outbox"))
    line.cut = True
    outbox.add_metrics({"epoch_seconds": 0.5}, 1)
    with pytest.raises(Unreachable, match=rf"kept in outbox/{run.id}: start the server, and the same command"):
        outbox.close(0)
    line.cut = False
    run.set_tags(RELEASED)
    send_left(run, Path("outbox"), 0)
    assert history(run) == [(1, 0.5)]
    send_left(run, Path("outbox"), 0)


def test_a_kill_after_sending_and_before_forgetting_doubles_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = Outbox(run, Path("outbox"))
    outbox.add_metrics({"epoch_seconds": 0.5, "test_acc": 50.0}, 1)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_a, **_o: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            outbox.send()
    outbox.send()
    assert history(run) == [(1, 0.5)]


def test_what_a_process_left_is_dropped_where_another_has_written_to_the_run_since(run: Run) -> None:
    """The run is further by then: an old checkpoint must not replace a newer one."""
    outbox = Outbox(run, Path("outbox"))
    outbox.add_metrics({"epoch_seconds": 0.5}, 1)
    outbox.add_artifact("slot-a.pt", lambda path: path.write_text("old"))
    another = identity() | {HOST: "elsewhere", STARTED: "1"}
    run.client.log_metric(run.id, "epoch_seconds", 0.55, step=1)
    run.set_tags(another | RELEASED)
    send_left(run, Path("outbox"), 0)
    assert history(run) == [(1, 0.55)]
    assert run.client.list_artifacts(run.id) == []
    assert list(Path("outbox").iterdir()) == []


def test_what_a_process_left_survives_others_that_cannot_send_it_either(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them has written its name to the run, and none of them a result."""
    outbox = Outbox(run, Path("outbox"))
    outbox.add_metrics({"epoch_seconds": 0.5}, 1)
    (outbox.folder / OWNERS).write_text(json.dumps([identity() | {STARTED: "1"}]))
    run.set_tags(identity() | {STARTED: "1"})
    for _process in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(Outbox, "flush", refuse_to_flush)
            with pytest.raises(Unreachable):
                send_left(run, Path("outbox"), 0)
    send_left(run, Path("outbox"), 0)
    assert history(run) == [(1, 0.5)]


def test_results_of_a_process_that_resumed_a_run_survive_it(run: Run) -> None:
    """The folder was begun by the process before it: both are owners."""
    outbox = Outbox(run, Path("outbox"))
    (outbox.folder / OWNERS).write_text(json.dumps([identity() | {STARTED: "1"}]))
    add_owner(outbox.folder)
    outbox.add_metrics({"epoch_seconds": 0.5}, 1)
    assert is_current(outbox.folder, identity())
    run.set_tags(identity() | RELEASED)
    send_left(run, Path("outbox"), 0)
    assert history(run) == [(1, 0.5)]


def test_files_that_a_power_failure_has_emptied_are_skipped(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox(run, Path("outbox"))
    for step in (1, 2):
        outbox.add_metrics({"epoch_seconds": 0.5}, step)
    next((outbox.folder / "metrics").glob("000000001-*")).write_text("")
    outbox.send()
    assert history(run) == [(2, 0.5)]
    assert "is damaged and skipped" in caplog.text
    (outbox.folder / OWNERS).write_text("")
    assert not is_current(outbox.folder, identity())


def refuse_to_flush(_outbox: Outbox, _patience: float) -> None:
    raise Unreachable("still unreachable")


def test_what_a_process_of_an_earlier_boot_left_here_is_sent_and_its_run_fenced(run: Run) -> None:
    """After a crash of the machine nobody knows that the process is gone, but its results lie on this disk."""
    before = identity() | {BOOT: "an earlier one", STARTED: "1"}
    outbox = Outbox(run, Path("outbox"))
    outbox.add_metrics({"epoch_seconds": 0.5}, 1)
    (outbox.folder / OWNERS).write_text(json.dumps([before]))
    run.set_tags(before)
    send_left(run, Path("outbox"), 0)
    assert history(run) == [(1, 0.5)]
    assert is_fenced(run.tags())


def test_parts_of_an_epoch_are_sent_in_order(run: Run) -> None:
    outbox = Outbox(run, Path("outbox"))
    outbox.add_metrics({f"rwc/{number:04}": 1.0 for number in range(1000)}, 1)
    outbox.add_metrics({"epoch_seconds": 2.0}, 1, part=1)
    outbox.close(0)
    assert len(run.client.get_run(run.id).data.metrics) == 1001


def test_what_the_server_refuses_is_an_error_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise RestException({"error_code": "PERMISSION_DENIED", "message": "a reader cannot write"})

    outbox = Outbox(run, Path("outbox"))
    outbox.add_metrics({"epoch_seconds": 0.5}, 1)
    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "log_batch", refuse)
        with pytest.raises(StoreError, match=r"uploading metrics is refused \(.*cannot write\): have its admin"):
            outbox.send()


@pytest.mark.parametrize("status", [403, 413])
def test_an_artifact_store_that_refuses_ends_the_seed_at_the_first_upload(
    run: Run, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """Behind a proxy with a limit on bodies, say: the same upload would be refused for days."""

    def refuse(*_arguments: Any, **_options: Any) -> None:
        response = requests.Response()
        response.status_code = status
        raise requests.HTTPError(f"{status} for url", response=response)

    monkeypatch.setattr(mlflow.MlflowClient, "log_artifact", refuse)
    outbox = Outbox(run, Path("outbox"))
    outbox.add_artifact("checkpoints/initial.pt", lambda path: path.write_text("x"))
    with pytest.raises(StoreError, match=rf"uploading checkpoints/initial.pt is refused \({status} for url\)"):
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


def test_a_process_whose_run_another_process_owns_sends_nothing_more(run: Run) -> None:
    """Whether the server was unreachable meanwhile or not: the process may have been stopped."""
    outbox = Outbox(run, Path("outbox"))
    outbox.add_metrics({"epoch_seconds": 0.5}, 1)
    outbox.send()
    run.set_tags({PID: "999999999"})
    stop_for_a_while(run)
    outbox.add_metrics({"epoch_seconds": 0.5}, 2)
    outbox.add_artifact("slot-a.pt", lambda path: path.write_text("x"))
    outbox.add_tags({"named": "x"})
    with pytest.raises(RunTaken, match="another process writes to the run"):
        outbox.send()
    assert history(run) == [(1, 0.5)]
    assert "named" not in run.tags()


def test_a_process_that_is_stopped_between_two_requests_sends_no_second_one(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = Outbox(run, Path("outbox"))
    outbox.add_metrics({"epoch_seconds": 0.5}, 1)
    outbox.add_artifact("slot-a.pt", lambda path: path.write_text("x"))
    log_batch = mlflow.MlflowClient.log_batch

    def is_stopped_afterwards(*arguments: Any, **options: Any) -> None:
        log_batch(*arguments, **options)
        run.client.set_tag(run.id, PID, "999999999")
        stop_for_a_while(run)

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "log_batch", is_stopped_afterwards)
        with pytest.raises(RunTaken):
            outbox.send()
    assert run.client.list_artifacts(run.id) == []


def stop_for_a_while(run: Run) -> None:
    """Let the time since the last look at the run pass, as it does for a process that was stopped."""
    run._checked = 0.0


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

    with pytest.raises(DiskFull, match=r"report\.html has no room; free some space"):
        Outbox(run, Path("outbox")).add_artifact("report.html", write)
