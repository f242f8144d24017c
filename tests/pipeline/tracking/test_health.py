"""What doctor finds in tracking stores: real servers and databases, and ones that are away, wrong or in the way."""

import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import mlflow
import pytest

from pipeline.commands.checks import Finding
from pipeline.tracking import answers
from pipeline.tracking.answers import shown
from pipeline.tracking.health import artifact_folder, store


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Finding]:
    """Return a function that looks at the store of an address, from an empty folder."""
    for name in ("MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", "MLFLOW_TRACKING_USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def look_at(uri: str) -> Finding:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        return store()

    return look_at


@contextmanager
def as_nobody() -> Iterator[None]:
    """Have root, who may write everywhere, asked as somebody who may not."""
    user = os.getuid()
    os.setreuid(65534 if user == 0 else user, -1)  # the effective user stays, and may go back
    try:
        yield
    finally:
        os.setreuid(user, -1)


@contextmanager
def answering(*answers_in_turn: tuple[int, str]) -> Iterator[str]:
    """Serve the answers, one a request."""
    left = list(answers_in_turn)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = left.pop(0)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_real_server_answers(look: Callable, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = look(server.address)
    assert finding.level == "ok"
    assert finding.text.startswith(f"{server.address}: MLflow {mlflow.__version__}, answers within ")
    assert artifact_folder() is None, "the server keeps them"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "not there yet")
    assert store().level == "ok"
    assert mlflow.MlflowClient(server.address).get_experiment_by_name("not there yet") is None


def test_a_real_server_refuses_a_host_that_it_does_not_know(look: Callable, server: Any) -> None:
    finding = look(f"http://2130706433:{server.port}")  # 127.0.0.1 as one number
    assert finding.level == "fix"
    assert "Invalid Host" in finding.text
    assert f"add 2130706433:{server.port} to --allowed-hosts" in finding.remedy


def test_a_real_server_that_is_older_than_the_client(
    look: Callable, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers.mlflow, "__version__", "99.0.1")
    finding = look(server.address)
    assert finding.level == "fix"
    assert "older than 99.0.1" in finding.text
    assert "update the server" in finding.remedy


@pytest.mark.parametrize(
    ("given", "level", "said"),
    [
        ([(200, "2.22.0"), (200, "{}")], "fix", "MLflow 2.22.0, which is older"),
        ([(200, "99.1.0"), (200, "{}")], "ok", "MLflow 99.1.0"),
        ([(200, "99.1.0"), (401, "Who are you?")], "fix", "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
        ([(401, "Who are you?"), (401, "")], "fix", "HTTP 401: Who are you?"),
        ([(200, "99.1.0"), (403, '{"error_code": "PERMISSION_DENIED"}')], "fix", "the permission EDIT"),
        ([(200, "<html>Welcome!</html>"), (404, "")], "fix", "check MLFLOW_TRACKING_URI"),
        ([(200, "99.1.0"), (500, "the database is gone")], "fix", "HTTP 500: the database is gone"),
        ([(200, "99.1.0"), (404, '{"error_code": "RESOURCE_DOES_NOT_EXIST"}')], "ok", "MLflow 99.1.0"),
    ],
    ids=["older", "newer", "no user", "no user at all", "no permission", "no MLflow", "broken", "new experiment"],
)
def test_what_a_server_may_answer(look: Callable, given: list[tuple[int, str]], level: str, said: str) -> None:
    with answering(*given) as address:
        finding = look(address)
    assert finding.level == level
    assert said in f"{finding.text}: {finding.remedy}"
    assert finding.remedy or level == "ok"


def test_nobody_listens(look: Callable) -> None:
    finding = look("http://127.0.0.1:9")
    assert (finding.level, "Connection refused" in finding.text) == ("fix", True)
    assert finding.remedy.startswith("start it, or set MLFLOW_TRACKING_URI")


def test_a_socket_that_never_answers_is_not_waited_for(look: Callable) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        finding = look(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert (finding.level, "timed out" in finding.text) == ("fix", True)
    assert time.monotonic() - started < 2 * answers.ANSWER_SECONDS


def test_a_database_that_is_not_there_is_not_made(look: Callable, tmp_path: Path) -> None:
    finding = look(f"sqlite:///{tmp_path}/new/mlflow.db")
    assert (finding.level, "the first run makes it" in finding.text) == ("ok", True)
    assert artifact_folder() == tmp_path / "mlruns"
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_this_mlflow(look: Callable, store: str, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    finding = look(store)
    assert (finding.level, mlflow.__version__ in finding.text) == ("ok", True)
    assert artifact_folder() == tmp_path / "mlruns" / "0"
    assert sorted(tmp_path.iterdir()) == before


def test_the_artifacts_of_a_named_experiment(
    look: Callable, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute(
            "INSERT INTO experiments SELECT 7, 'far away', 's3://bucket/7', lifecycle_stage, creation_time, "
            "last_update_time, workspace FROM experiments"
        )
    look(store)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "far away")
    assert artifact_folder() is None
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "7")
    assert artifact_folder() is None


def test_a_database_of_another_mlflow(look: Callable, store: str, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '728d730b5ebd'")
    finding = look(store)
    assert finding.level == "fix"
    assert f"mlflow db upgrade {store}" in finding.remedy


@pytest.mark.parametrize(
    ("content", "level", "said"),
    [
        (b"", "ok", "the first run makes its tables"),
        (b"These are my notes, and no database. " * 99, "fix", "file is not a database"),
    ],
    ids=["empty", "no database"],
)
def test_a_file_that_is_no_database_of_mlflow(
    look: Callable, tmp_path: Path, content: bytes, level: str, said: str
) -> None:
    (tmp_path / "mlflow.db").write_bytes(content)
    finding = look("sqlite:///mlflow.db")
    assert (finding.level, said in finding.text) == (level, True), finding
    assert (tmp_path / "mlflow.db").read_bytes() == content


def test_a_kill_has_left_some_tables(look: Callable, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("CREATE TABLE experiments (experiment_id INTEGER)")
    assert look("sqlite:///mlflow.db").level == "fix"


def test_a_database_below_a_file_cannot_be(look: Callable, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("in the way")
    finding = look(f"sqlite:///{tmp_path}/notes/mlflow.db")
    assert finding == Finding(
        "fix", f"{tmp_path}/notes is not a folder", "give write access, or set MLFLOW_TRACKING_URI to another store"
    )


def test_a_database_of_somebody_else(look: Callable, store: str, tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").chmod(0o400)
    with as_nobody():
        finding = look(store)
    assert finding.level == "fix"
    assert "may not be written" in finding.text


def test_folders_are_refused_as_mlflow_does(look: Callable, tmp_path: Path) -> None:
    for uri in (str(tmp_path / "mlruns"), f"file://{tmp_path}/mlruns"):
        finding = look(uri)
        assert (finding.level, "mlflow migrate-filestore" in finding.remedy) == ("fix", True)
        with pytest.raises(mlflow.MlflowException, match="maintenance mode"):
            mlflow.MlflowClient(uri).search_experiments()


def test_a_password_is_not_shown(look: Callable) -> None:
    assert shown("http://ada:secret@host:5000/a@b") == "http://...@host:5000/a@b"
    finding = look("postgresql+psycopg://ada:secret@127.0.0.1:9/mlflow")
    assert finding.level == "fix"
    assert "refused" in finding.text
    assert "secret" not in f"{finding}"
