"""Outages and refusals of a tracking server or artifact store: which errors may pass, and how long to try again."""

import errno
import re
import ssl
from collections.abc import Callable, Iterator
from typing import TypeVar

import requests
import urllib3
from mlflow.exceptions import MlflowException, RestException
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random

from pipeline.console.errors import BadInput, Failure

LOCKED = "database is locked"  # SQLite, at once, where two connections that have read both want to write
LOCKED_SECONDS = 10.0
PAUSE_SECONDS = 2.0  # at most, between two attempts
BUSY = "QueuePool limit"  # all connections of a server's worker to its database are in use: it answers with a 400
TRANSIENT = (408, 425, 429)  # the 4xx that say: later
BROKEN_DATABASE = ("no such table", "no such column", "readonly database", "unable to open database")
# an answer that is not JSON in MLflow's words, and an error of its threads for downloads, which keep the text alone
STATUS_IN_TEXT = re.compile(r"failed with error code (\d{3}) != |\b(\d{3}) (?:Client|Server) Error\b")
REFUSALS_IN_TEXT = ("AccessDenied", "ExpiredToken", "NoSuchKey", "Unable to locate credentials")
NETWORK_ERRNOS = (
    errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN, errno.ETIMEDOUT, errno.ESTALE,
)  # fmt: skip
CONNECTION_ERRORS = (
    ConnectionError, TimeoutError, requests.ConnectionError, requests.Timeout, requests.exceptions.RetryError,
    requests.exceptions.ChunkedEncodingError,
)  # fmt: skip
# the optional clients of artifact stores are not imported: their classes are known by name
CLIENTS = ("botocore", "boto3", "google", "azure")
CLIENT_CONNECTION_ERRORS = {
    "ConnectionError", "HTTPClientError", "EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError",
    "ConnectionClosedError", "ProxyConnectionError", "ResponseStreamingError",  # botocore
    "TransportError", "RetryError",  # google
    "ServiceRequestError", "ServiceResponseError", "IncompleteReadError",  # azure
}  # fmt: skip
REFUSALS = (PermissionError, ssl.SSLCertVerificationError)
OWN_ERRORS = (ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, TypeError)
THROTTLED = ("Throttling", "ThrottlingException", "RequestTimeout", "SlowDown", "RequestThrottled")  # some as a 400

_CREDENTIALS = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to a user that it knows"
_PERMISSION = (
    "have its administrator give your user the permission EDIT on the experiment, or set MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD to a user with that permission"
)
REMEDIES: dict[str | int, str] = {  # by MLflow's error code, or the HTTP status of a proxy before it
    "UNAUTHENTICATED": _CREDENTIALS,
    401: _CREDENTIALS,
    "PERMISSION_DENIED": _PERMISSION,
    403: f"{_PERMISSION}; for a bucket, check its credentials",
    413: "raise the largest body that the proxy before the server accepts (nginx: client_max_body_size 0)",
}
_OTHER = "the log of the server or store says why; the same command resumes once it accepts"
RESTORE_EXPERIMENT = "`mlflow experiments restore -x {}` restores it, or name another with MLFLOW_EXPERIMENT_NAME"
ANSWERS = {  # what stores say of things that are deleted or locked, and what to do then
    re.compile(r"The experiment (\w+) must be in the 'active' state"): RESTORE_EXPERIMENT,
    re.compile(r"The run (\w+) must be in the 'active' state"): (
        "`mlflow runs restore --run-id {}` restores it, and the same command resumes"
    ),
    re.compile(r"Run with id=(\w+) not found"): "it was deleted for good; the same command begins another one",
    re.compile(f"({LOCKED})"): (
        "another process keeps it locked: end it, or use a server (docs/server.md); the same command resumes"
    ),
    re.compile(r"(No Experiment with id=|Invalid experiment ID)"): (
        "`mlflow experiments search` lists those that there are: name one with MLFLOW_EXPERIMENT_ID, or a new one with "
        "MLFLOW_EXPERIMENT_NAME"
    ),
}


Result = TypeVar("Result")


class StoreError(BadInput):
    """The tracking store does not answer, or refuses; the message is one line and names the remedy."""


class Unreachable(Failure):
    """Results could not be uploaded; the message says where they are stored and how to upload them."""


def is_outage(error: BaseException) -> bool:
    """Return whether the same call may succeed later: the way to the store fails, and the store has refused nothing."""
    return _verdict(error) is True


def is_refusal(error: BaseException) -> bool:
    """Return whether a store has answered that it will not do this: the same call would be refused again."""
    return _verdict(error) is False


def refused(error: BaseException, what: str) -> StoreError:
    """Return a refusal as an error of one line that names the remedy; `what` names the thing that was refused."""
    return StoreError(f"{what} is refused ({first_line(error)}): {remedy(error, _OTHER)}")


def remedy(error: BaseException, otherwise: str) -> str:
    """Return what a person can do about the answer of a store; `otherwise` where nothing is known of it."""
    for answer, text in ANSWERS.items():
        if said := answer.search(str(error)):
            return text.format(said[1])
    status = next((status for each in _chain(error) if (status := http_status(each))), None)
    return REMEDIES.get(getattr(error, "error_code", "")) or REMEDIES.get(status or 0) or otherwise


def patiently(call: Callable[[], Result], patience: float, what: str = "the request") -> Result:
    """Return what a call returns, repeated during an outage; raise Unreachable, and StoreError if `what` is refused."""
    try:
        return repeat(call, patience)
    except Exception as error:
        if is_refusal(error) and not isinstance(error, StoreError):
            raise refused(error, what) from error
        if is_outage(error):
            advice = remedy(error, "start it, and the same command resumes")
            raise Unreachable(f"the tracking server is unreachable ({first_line(error)}): {advice}") from error
        raise


def repeat(call: Callable[[], Result], patience: float) -> Result:
    """Return what a call returns; repeat it during an outage, for `patience` seconds, and while SQLite is locked."""

    def is_over(attempts: RetryCallState) -> bool:
        error = attempts.outcome and attempts.outcome.exception()
        limit = max(patience, LOCKED_SECONDS) if LOCKED in str(error) else patience
        return (attempts.seconds_since_start or 0) >= limit

    return Retrying(
        retry=retry_if_exception(is_outage), stop=is_over, wait=wait_random(0, PAUSE_SECONDS), reraise=True
    )(call)


def http_status(error: BaseException) -> int | None:
    """Return the HTTP status that an error of one of the clients reports, if any."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore
        if response.get("Error", {}).get("Code") in THROTTLED:
            return 429
        return _number(response.get("ResponseMetadata", {}).get("HTTPStatusCode"))
    if isinstance(error, RestException):
        sent = _number(error.json.get("error_code"))  # a proxy may answer in JSON with its own number
        return sent if sent and sent >= 400 else _status_of_code(error)
    if isinstance(error, MlflowException):
        told = STATUS_IN_TEXT.search(str(error))
        status = int(told[1] or told[2]) if told else _status_of_code(error)
        return None if status == 500 and not told else status  # 500 is what MLflow gives an error without a code
    if response is not None:
        return _number(getattr(response, "status_code", None))
    if _is_of_client(error):
        return _number(getattr(error, "status_code", None)) or _number(getattr(error, "code", None))
    return None


def _status_of_code(error: MlflowException) -> int:
    return int(error.get_http_status_code())  # type: ignore[no-untyped-call]  # mlflow gives it no types


def _verdict(error: BaseException) -> bool | None:
    """Return True for an outage, False for a refusal, None for any other error. The outermost clear sign decides."""
    chain = list(_chain(error))
    messages = "\n".join(map(str, chain))
    if LOCKED in messages or BUSY in messages:
        return True
    texts = (*BROKEN_DATABASE, *REFUSALS_IN_TEXT)
    if any(text in messages for text in texts) or any(isinstance(each, REFUSALS) for each in chain):
        return False
    for each in chain:
        if status := http_status(each):
            return status >= 500 or status in TRANSIENT
        if _is_connection_error(each):
            return True
        if isinstance(each, OWN_ERRORS):
            return None
    if _is_of_client(chain[-1]):
        return False  # no credentials, no region, no bucket
    return True if isinstance(error, MlflowException) else None  # MLflow's words for an error that it does not know


def _is_connection_error(error: BaseException) -> bool:
    if isinstance(error, CONNECTION_ERRORS):
        return True
    if isinstance(error, urllib3.exceptions.HTTPError):
        return not isinstance(error, ValueError)  # an address that cannot be read
    if isinstance(error, OSError) and error.errno in NETWORK_ERRNOS:
        return True
    names = {kind.__name__ for kind in type(error).__mro__}
    return _is_of_client(error) and bool(names & CLIENT_CONNECTION_ERRORS)


def _is_of_client(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in CLIENTS


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and the ones that it came from."""
    seen: set[int] = set()
    below: BaseException | None = error
    while below is not None and id(below) not in seen:
        seen.add(id(below))
        yield below
        below = below.__cause__ or (None if below.__suppress_context__ else below.__context__)


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else None


def without_password(text: str) -> str:
    """Return a text without the user and password of an address in it."""
    return re.sub(r"(?<=//)[^/\s]*@", "...@", text)


def first_line(error: BaseException) -> str:
    """Return the first line of an error, shortened, without a password."""
    lines = without_password(str(error)).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
