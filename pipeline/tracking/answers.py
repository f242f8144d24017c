"""Whether a tracking server answers, as what, and whether it lets this person in: asked once, without waiting long."""

import os
import re
from typing import Any
from urllib.parse import urlparse

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request

from pipeline.commands.checks import Finding
from pipeline.tracking.retry import REMEDIES, first_line

ANSWER_SECONDS = 3.0  # for a connection, and as long again for an answer


def server(uri: str) -> Finding:
    """Ask a server for its version and for the experiment, with the person's credentials."""
    address = shown(uri)
    try:
        version, experiment = _get(uri, "/version"), _get_experiment(uri)
    except MlflowException as error:
        remedy = "start it, or set MLFLOW_TRACKING_URI to another store"
        return Finding("fix", f"{address} does not answer ({root_cause(error)})", remedy)
    refusal = next((answer for answer in (version, experiment) if answer.status_code in (401, 403)), None)
    if refusal is not None:
        return Finding("fix", f"{address} refuses ({_said(refusal)})", _remedy(uri, refusal))
    number = version.text.strip()
    if not re.fullmatch(r"\d+\.\d+[\w.]*", number):
        return Finding("fix", f"{address} answers, but not as MLflow does", "check MLFLOW_TRACKING_URI")
    if _numbers(number) < _numbers(mlflow.__version__):
        older = f"{address} has MLflow {number}, which is older than {mlflow.__version__} here"
        return Finding("fix", older, "update the server, which must not be older than its clients")
    if not experiment.ok and "RESOURCE_DOES_NOT_EXIST" not in experiment.text:  # an experiment not there is made
        return Finding("fix", f"{address} fails ({_said(experiment)})", "the server's log says why")
    milliseconds = 1000 * experiment.elapsed.total_seconds()
    return Finding("ok", f"{address}: MLflow {number}, answers within {milliseconds:.0f} ms")


def location_on_server(uri: str) -> str:
    """Return where the artifacts of the experiment go; raise MlflowException."""
    answer = _get_experiment(uri)
    return str(answer.json()["experiment"]["artifact_location"]) if answer.ok else "mlflow-artifacts:/"


def shown(uri: str) -> str:
    """Return an address without user and password."""
    return re.sub(r"(?<=//)[^/]*@", "...@", uri)


def root_cause(error: BaseException) -> str:
    """Return what the error says that all others came from, in one line."""
    while below := error.__cause__ or error.__context__:
        error = below
    return first_line(error)


def _get(uri: str, endpoint: str, **settings: Any) -> Any:
    return http_request(  # type: ignore[no-untyped-call]
        get_default_host_creds(uri),  # type: ignore[no-untyped-call]
        endpoint,
        "GET",
        max_retries=0,
        timeout=ANSWER_SECONDS,
        raise_on_status=False,
        **settings,
    )


def _get_experiment(uri: str) -> Any:
    path, params = "get", {"experiment_id": os.environ.get("MLFLOW_EXPERIMENT_ID", "0")}
    if name := os.environ.get("MLFLOW_EXPERIMENT_NAME"):
        path, params = "get-by-name", {"experiment_name": name}
    return _get(uri, f"/api/2.0/mlflow/experiments/{path}", params=params)


def _remedy(uri: str, refusal: Any) -> str:
    if "Invalid Host" in refusal.text:
        host = urlparse(uri).netloc.rpartition("@")[2]
        return f"add {host} to --allowed-hosts where the server is started (docs/server.md)"
    return REMEDIES["UNAUTHENTICATED" if refusal.status_code == 401 else "PERMISSION_DENIED"]


def _said(answer: Any) -> str:
    return f"HTTP {answer.status_code}: {' '.join(answer.text.split()).partition('. ')[0][:100]}"


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:3]]
