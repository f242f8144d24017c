"""Which errors of stores pass by themselves, which are refusals, and which are neither."""

import errno
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3
from mlflow.exceptions import MlflowException, RestException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, TEMPORARILY_UNAVAILABLE
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from pipeline.tracking.artifacts import download
from pipeline.tracking.retry import StoreError, Unreachable, is_outage, is_refusal, patiently


def http(status: int) -> requests.HTTPError:
    """An error of the artifact store behind the server, as requests raises it."""
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(f"{status} for url", response=response)


def not_json(status: int) -> MlflowException:
    """What MLflow raises for an answer of a proxy: a page of HTML."""
    return MlflowException(f"API request to endpoint /x failed with error code {status} != 200. Response body: '<p>'")


def rest(code: object, message: str = "no") -> RestException:
    return RestException({"error_code": code, "message": message})


def client_error(name: str, module: str, **attributes: Any) -> Exception:
    error = type(name, (Exception,), {"__module__": module})("said so")
    for attribute, value in attributes.items():
        setattr(error, attribute, value)
    return error


def aws(status: int, code: str) -> Exception:
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return client_error("ClientError", "botocore.exceptions", response=response)


def caused(outer: Exception, inner: Exception) -> Exception:
    outer.__cause__ = inner
    return outer


OUTAGES = {
    "refused connection": ConnectionRefusedError(),
    "connection of requests": requests.ConnectionError(),
    "timeout of requests": requests.Timeout(),
    "dropped connection": urllib3.exceptions.ProtocolError(),
    "no route to a mounted folder": OSError(errno.EHOSTUNREACH, "no route to host"),
    "server error": http(500),
    "bad gateway in HTML": not_json(502),
    "request timeout": http(408),
    "too early": http(425),
    "too many requests": not_json(429),
    "MLflow answers 503": rest("TEMPORARILY_UNAVAILABLE"),
    "MLflow answers 500": rest("INTERNAL_ERROR"),
    "connections of its database all in use": rest("BAD_REQUEST", "QueuePool limit of size 5 reached"),
    "connection error in MLflow's words": caused(MlflowException("API request failed"), requests.ConnectionError()),
    "locked SQLite": MlflowException("(sqlite3.OperationalError) database is locked", TEMPORARILY_UNAVAILABLE),
    "S3 slows down": aws(503, "SlowDown"),
    "S3 throttles with a 400": aws(400, "ThrottlingException"),
    "no connection to S3": client_error("EndpointConnectionError", "botocore.exceptions"),
    "no connection to Azure": client_error("ServiceRequestError", "azure.core.exceptions"),
    "Google answers 503": client_error("ServiceUnavailable", "google.api_core.exceptions", code=503),
    "S3 below another error": caused(client_error("S3UploadFailedError", "boto3.exceptions"), aws(500, "Internal")),
}
REFUSALS = {
    "body too large, artifact store": http(413),
    "body too large, tracking server": not_json(413),
    "body too large, in JSON": rest(413),
    "forbidden": http(403),
    "unauthorised": not_json(401),
    "not found": http(404),
    "a reader cannot write": rest("PERMISSION_DENIED"),
    "a value that MLflow does not take": rest("INVALID_PARAMETER_VALUE"),
    "S3 denies access": aws(403, "AccessDenied"),
    "expired token": aws(400, "ExpiredToken"),
    "no credentials": client_error("NoCredentialsError", "botocore.exceptions"),
    "S3 denies, below another error": caused(
        client_error("S3UploadFailedError", "boto3.exceptions"), aws(403, "AccessDenied")
    ),
    "no credentials of Google": client_error("DefaultCredentialsError", "google.auth.exceptions"),
    "Azure forbids": client_error("HttpResponseError", "azure.core.exceptions", status_code=403),
    "a certificate that does not hold": caused(requests.exceptions.SSLError(), ssl.SSLCertVerificationError()),
    "a folder that may not be written": PermissionError(errno.EACCES, "permission denied"),
    "a database without tables": MlflowException("no such table: runs", TEMPORARILY_UNAVAILABLE),
}
NEITHER = {
    "a programming error": TypeError("unexpected argument"),
    "a programming error in MLflow's words": caused(MlflowException("API request failed"), AttributeError("x")),
    "a programming error while an outage is handled": caused(KeyError("x"), ConnectionError()),
    "a full disk": OSError(errno.ENOSPC, "no space left"),
    "a file that is missing": FileNotFoundError(errno.ENOENT, "no such file"),
    "an address that cannot be read": urllib3.exceptions.LocationParseError("x"),
}


@pytest.mark.parametrize("error", OUTAGES.values(), ids=OUTAGES)
def test_outages(error: Exception) -> None:
    assert (is_outage(error), is_refusal(error)) == (True, False)


@pytest.mark.parametrize("error", REFUSALS.values(), ids=REFUSALS)
def test_refusals(error: Exception) -> None:
    assert (is_outage(error), is_refusal(error)) == (False, True)


@pytest.mark.parametrize("error", NEITHER.values(), ids=NEITHER)
def test_errors_that_are_neither(error: Exception) -> None:
    assert (is_outage(error), is_refusal(error)) == (False, False)


def failing(*errors: Exception) -> Callable[[], str]:
    waiting = list(errors)

    def call() -> str:
        if waiting:
            raise waiting.pop(0)
        return "done"

    return call


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that are waited, which pass at once."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    monkeypatch.setattr(time, "monotonic", lambda: sum(pauses))
    return pauses


def test_a_call_is_repeated_during_an_outage(slept: list[float]) -> None:
    assert patiently(failing(*[ConnectionError()] * 5), 600) == "done"
    assert len(slept) == 5


def test_without_patience_a_locked_database_alone_is_waited_for(slept: list[float]) -> None:
    assert patiently(failing(*[MlflowException("database is locked")] * 3), 0) == "done"
    assert slept
    with pytest.raises(Unreachable, match="unreachable"):
        patiently(failing(ConnectionError()), 0)


def test_an_outage_that_lasts_ends_with_a_line(slept: list[float]) -> None:
    with pytest.raises(Unreachable, match=r"unreachable \(gone\): start it, and the same command resumes"):
        patiently(failing(*[ConnectionError("gone\nmore")] * 10_000), 60)
    assert 55 < sum(slept) < 70
    with pytest.raises(Unreachable, match="another process keeps it locked: end it, or use a server"):
        patiently(failing(*[MlflowException("(sqlite3.OperationalError) database is locked")] * 10_000), 0)


@pytest.mark.usefixtures("slept")
@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (http(413), "client_max_body_size"),
        (not_json(403), "permission EDIT"),
        (rest("UNAUTHENTICATED"), "MLFLOW_TRACKING_USERNAME"),
        (aws(403, "AccessDenied"), "check its credentials"),
        (MlflowException("x", INVALID_PARAMETER_VALUE), "the log of the server"),
    ],
)
def test_a_refusal_is_not_repeated_and_names_the_remedy(error: Exception, remedy: str, slept: list[float]) -> None:
    with pytest.raises(StoreError, match=f"uploading slot-a.pt is refused .*{remedy}"):
        patiently(failing(*[error] * 2), 600, "uploading slot-a.pt")
    assert slept == []


@pytest.mark.usefixtures("slept")
def test_an_error_of_the_client_itself_is_not_repeated(slept: list[float]) -> None:
    with pytest.raises(TypeError):
        patiently(failing(TypeError("x"), TypeError("x")), 600)
    assert slept == []


class Answering(BaseHTTPRequestHandler):
    """A server that lists files, and refuses to send them."""

    status = 403

    def do_GET(self) -> None:
        if "?path=" not in self.path:
            self.send_error(self.status)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"files": []}')

    def log_message(self, *_values: object) -> None:
        """Print nothing."""


@pytest.mark.parametrize(("status", "refused"), [(403, True), (404, True), (503, False)])
def test_what_a_real_server_answers_to_a_download(
    status: int, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's threads for downloads keep the text of an error alone."""
    monkeypatch.setattr(Answering, "status", status)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/api/2.0/mlflow-artifacts/artifacts/files"
        with pytest.raises((StoreError, MlflowException)) as error:
            download(address, "checkpoints/slot-a.pt", str(tmp_path))
        server.shutdown()
    assert (type(error.value) is StoreError, is_outage(error.value)) == (refused, not refused)


def test_a_full_disk_is_one_also_in_a_thread_for_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise MlflowException("The following failures occurred: [Errno 28] No space left on device")

    monkeypatch.setattr(LocalArtifactRepository, "download_artifacts", fail)
    with pytest.raises(OSError, match="No space left") as error:
        download(str(tmp_path), "x", str(tmp_path))
    assert error.value.errno == errno.ENOSPC
