"""Tasks of a Ray cluster: started, asked for an answer, reported, and cancelled."""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import ray
from ray import ObjectRef
from ray.exceptions import RayError, RayTaskError

from pipeline.console.errors import BadInput, Failure
from pipeline.execution.resources import Needs
from pipeline.tracking.fencing import close_seed
from pipeline.tracking.retry import StoreError, Unreachable, first_line, patiently

CLOSE_SECONDS = 120.0  # for cancelled seeds to save their last epoch and close their runs
PATIENCE_SECONDS = 30.0  # after which a message says that the cluster has not answered yet
log = logging.getLogger(__name__)


def task(needs: Needs, function: Callable[..., Any], **options: Any) -> Any:
    """Return a function as a task. Needs among the options would leave a worker that has used one GPU with another."""
    return ray.remote(**needs._asdict())(function).options(**options)


def ask(needs: Needs, function: Callable[..., Any], *arguments: object) -> Any:
    """Return what a function returns on the cluster; raise its BadInput, or one of a cluster that cannot run it."""
    answer = task(needs, function).remote(*arguments)
    try:
        if not ray.wait([answer], timeout=PATIENCE_SECONDS)[0]:
            log.warning("waiting for room on the Ray cluster, or for a worker to start")
        return ray.get(answer)
    except RayTaskError as error:
        raise error.cause if isinstance(error.cause, Failure) else error from None
    except RayError as error:
        raise BadInput(f"the Ray cluster must be able to run this project: {first_line(error)}") from None


def report(ref: "ObjectRef[str]", seed: int, study_hash: str, patience: float) -> None:
    """Report the failure of a seed, if any; close its run if Ray has given it up."""
    try:
        failure = ray.get(ref)
    except RayError as error:
        with suppress(Unreachable):  # the next command closes it
            patiently(partial(close_seed, study_hash, seed), patience)
        cause = getattr(error, "cause", None) or error
        failure = f"seed {seed} failed: {type(cause).__name__}: {first_line(cause)}"
    if failure:
        log.warning(failure)


def cancel(running: Mapping["ObjectRef[str]", int], study_hash: str) -> None:
    """Have seeds save their last epoch and close their runs; of those that do not, close the runs."""
    for ref in running:
        ray.cancel(ref)
    _closed, open_still = (
        ray.wait(list(running), num_returns=len(running), timeout=CLOSE_SECONDS) if running else ([], [])
    )
    for ref in open_still:
        with suppress(RayError):
            ray.cancel(ref, force=True)
        with suppress(StoreError, Unreachable):
            patiently(partial(close_seed, study_hash, running[ref], "KILLED"), patience=0)
