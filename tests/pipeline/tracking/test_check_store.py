"""`check_store` and `artifact_folder`: real servers and databases, and stores that are unreachable or refuse."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import mlflow
import pytest

from pipeline.tracking.retry import StoreError
from pipeline.tracking.store import artifact_folder, check_store

Check = Callable[[str], str]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Check:
    """Return a function that checks the store at an address, from an empty folder, and returns what it says."""
    for name in ("MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", "MLFLOW_TRACKING_USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.chdir(tmp_path)

    def check_at(uri: str) -> str:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        return check_store()

    return check_at


@contextmanager
def answering(status: int, text: str) -> Iterator[str]:
    """Serve one answer to every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def as_nobody() -> Iterator[None]:
    """Let `os.access` answer root, who may write everywhere, as it answers somebody who may not."""
    user = os.getuid()
    os.setreuid(65534 if user == 0 else user, -1)  # the effective user stays, and may go back
    try:
        yield
    finally:
        os.setreuid(user, -1)


def test_a_real_server_answers_and_no_experiment_is_created(
    check: Check, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check(server.address) == f"{server.address} answers"
    assert artifact_folder() is None, "the server keeps them"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "new")
    assert check(server.address) == f"{server.address} answers"
    assert artifact_folder() is None
    assert mlflow.MlflowClient(server.address).get_experiment_by_name("new") is None


def test_a_real_server_refuses_an_unknown_host_name(check: Check, server: Any) -> None:
    with pytest.raises(StoreError, match=r"Invalid Host.*: add its name to --allowed-hosts"):
        check(f"http://2130706433:{server.port}")  # 127.0.0.1 as one number


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (401, "Who are you?", r"Who are you\?.*: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
        (403, '{"error_code": "PERMISSION_DENIED", "message": "no"}', "PERMISSION_DENIED.*: .* the permission EDIT"),
        (404, "<html>Welcome!</html>", "404.*: start it, or set MLFLOW_TRACKING_URI to another store"),
        (500, "the database is gone", "the database is gone|too many 500"),
    ],
    ids=["no user", "no permission", "no MLflow", "broken"],
)
def test_a_server_that_refuses_or_fails_is_one_line_with_the_remedy(
    check: Check, status: int, text: str, expected: str
) -> None:
    with answering(status, text) as address, pytest.raises(StoreError, match=expected) as error:
        check(address)
    assert "\n" not in str(error.value)


def test_a_closed_port_is_named_with_the_cause(check: Check) -> None:
    with pytest.raises(StoreError, match=r"^http://127.0.0.1:9 cannot be used \(.*Connection refused\): start it, or"):
        check("http://127.0.0.1:9")


@pytest.mark.parametrize("content", [None, b""], ids=["missing", "empty"])
def test_a_missing_database_is_ok_and_is_not_created(check: Check, tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "mlflow.db").write_bytes(content)
    before = list(tmp_path.iterdir())
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert check(uri) == f"{uri} is empty: the first run creates its tables"
    assert artifact_folder() == tmp_path / "mlruns"
    assert list(tmp_path.iterdir()) == before


def test_a_database_answers_and_names_the_folder_of_its_artifacts(check: Check, store: str, tmp_path: Path) -> None:
    assert check(store) == f"{store} answers"
    assert artifact_folder() == tmp_path / "mlruns" / "0"


def test_artifacts_of_an_experiment_in_a_bucket_have_no_folder_here(
    check: Check, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute(
            "INSERT INTO experiments SELECT 7, 'far away', 's3://bucket/7', lifecycle_stage, creation_time, "
            "last_update_time, workspace FROM experiments"
        )
    check(store)
    for name, value in (("MLFLOW_EXPERIMENT_NAME", "far away"), ("MLFLOW_EXPERIMENT_ID", "7")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert artifact_folder() is None


def test_a_database_of_another_mlflow_names_the_command_that_upgrades_it(
    check: Check, store: str, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '728d730b5ebd'")
    with pytest.raises(StoreError, match="mlflow db upgrade"):
        check(store)


def test_a_file_that_is_no_database_is_not_changed(check: Check, tmp_path: Path) -> None:
    content = b"These are my notes, and no database. " * 99
    (tmp_path / "mlflow.db").write_bytes(content)
    with pytest.raises(StoreError, match="file is not a database"):
        check("sqlite:///mlflow.db")
    assert (tmp_path / "mlflow.db").read_bytes() == content


def test_a_database_that_cannot_be_written_is_refused(check: Check, store: str, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("in the way")
    with pytest.raises(StoreError, match=rf"^{tmp_path}/notes is not a folder: give write access, or set MLFLOW_TRA"):
        check(f"sqlite:///{tmp_path}/notes/mlflow.db")
    (tmp_path / "mlflow.db").chmod(0o400)
    with as_nobody(), pytest.raises(StoreError, match="is not writable: give write access"):
        check(store)


def test_a_folder_is_no_store_and_the_message_names_the_way_out(check: Check, tmp_path: Path) -> None:
    for uri in (str(tmp_path / "mlruns"), f"file://{tmp_path}/mlruns"):
        with pytest.raises(StoreError, match="migrate"):
            check(uri)


def test_a_password_is_not_shown(check: Check) -> None:
    with pytest.raises(StoreError, match=r"^http://...@127.0.0.1:9/ml cannot be used") as error:
        check("http://ada:secret@127.0.0.1:9/ml")
    assert "secret" not in str(error.value)
