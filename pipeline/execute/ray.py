"""Many seeds on a Ray cluster: a task each, which Ray places, repeats where a worker or a node is lost, and cancels."""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import Any

import click
import ray
from ray import ObjectRef
from ray.exceptions import RayError, RayTaskError

from data import DataError
from data.prepared import Prepared
from models import ModelError
from pipeline.config import AUTO, Config, on_this_machine
from pipeline.execute.queue import Queue
from pipeline.execute.remote import pace_there, train_there
from pipeline.interrupt import Interrupted, raise_on_signals
from pipeline.provenance import COMMIT, ROOT, commit
from pipeline.tracking.store import first_line, is_file, variables
from pipeline.tracking.studies import close_seed
from pipeline.values import ConfigError

RETRIES = 10  # of a seed whose worker or node is lost: Ray's own 3 are few for days on nodes that come and go
CLOSE_SECONDS = 120.0  # for cancelled seeds to save their last epoch and close their runs
POLL_SECONDS = 1.0


class Cluster:
    """The executor on a Ray cluster that this process is connected to."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        has_gpus = values["device"] != "cpu" and any(node["Resources"].get("GPU") for node in _nodes())
        gpus = values["devices"] * has_gpus if values["ray_gpus"] == AUTO else values["ray_gpus"]
        self.needs = {"num_cpus": values["ray_cpus"], "num_gpus": gpus}
        self.places = _places(self.needs)
        self._over = threading.Event()
        self._signal = 0

    @classmethod
    @contextmanager
    def connected(cls, values: Mapping[str, Any]) -> Iterator["Cluster"]:
        """Connect to the cluster, or start one here; raise ConfigError."""
        address = values["ray_address"]
        starts_here = address is None and "RAY_ADDRESS" not in os.environ
        environment = {**variables(), COMMIT: commit()}
        try:
            ray.init(
                address=address,
                runtime_env={"working_dir": str(ROOT), "env_vars": environment},
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=False if starts_here else None,
            )
        except (ConnectionError, RayError, RuntimeError, ValueError) as error:
            raise ConfigError(
                f"ray_address must lead to a Ray cluster ({first_line(error)}): start one with ray start --head, "
                f"or give none, which starts one on this machine; got {address!r}"
            ) from None
        try:
            raise_on_signals()  # ray.init has set a handler of its own
            _check_store()
            yield cls(values)
        finally:
            ray.shutdown()
            raise_on_signals()

    def resolve(self, values: Mapping[str, Any]) -> Config:
        """Return checked values as a configuration, with what `auto` means to a task with a seed's CPUs and GPUs."""
        config: Config = self._ask(on_this_machine, {**values, "ray_gpus": self.needs["num_gpus"]})
        return config

    def pace(self, config: Config, prepared: Prepared) -> float:  # noqa: ARG002  # a node has its own
        """Return about how many seconds an epoch takes on a node."""
        seconds: float = self._ask(pace_there, config, config.architecture.source)
        return seconds

    def _ask(self, function: Callable[..., Any], *arguments: object) -> Any:
        """Return what a function returns on the cluster; raise ConfigError and DataError as they were raised there."""
        try:
            return ray.get(ray.remote(function).options(**self.needs).remote(*arguments))
        except RayTaskError as error:
            raise error.cause if isinstance(error.cause, ConfigError | DataError | ModelError) else error from None

    def run(self, studies: Sequence[Callable[[], None]], watch: Callable[[], None]) -> list[BaseException | None]:
        """Run studies side by side, a thread each: they wait for the cluster most of the time."""
        with ThreadPoolExecutor(len(studies), thread_name_prefix="study") as pool:
            futures = [pool.submit(study) for study in studies]
            try:
                while wait(futures, timeout=POLL_SECONDS).not_done:
                    watch()
            except Interrupted as error:
                self._signal = error.number
                self._over.set()
                raise
        return [future.exception() for future in futures]

    def pause(self, seconds: float) -> None:
        """Wait; raise Interrupted where this process was asked to stop."""
        if self._over.wait(seconds):
            raise Interrupted(self._signal)

    def train(self, config: Config, prepared: Prepared, queue: Queue) -> None:  # noqa: ARG002  # a node has its own
        """Train every seed that the queue hands out. What ends one is said, and does not end the others."""
        task = ray.remote(train_there).options(**self.needs, max_retries=RETRIES, name=config.study_name)
        source = config.architecture.source
        running: dict[ObjectRef[str], int] = {}
        try:
            for start in queue:
                running[task.remote(config, source, queue.study.id, queue.study_hash, start.seed)] = start.seed
            while running:
                ended, _others = ray.wait(list(running), timeout=POLL_SECONDS)
                for ref in ended:
                    seed = running.pop(ref)
                    _report(ref, seed, queue.study.id)
                    queue.release(seed)
                self.pause(0)
        finally:
            _cancel(running, queue.study.id)


def _report(ref: "ObjectRef[str]", seed: int, study_id: str) -> None:
    """Say what went wrong with a seed, if anything; where Ray has given it up, its run is closed."""
    try:
        said = ray.get(ref)
    except RayError as error:
        close_seed(study_id, seed)
        cause = getattr(error, "cause", None) or error
        said = f"seed {seed} failed: {type(cause).__name__}: {first_line(cause)}"
    if said:
        click.echo(said, err=True)


def _cancel(running: Mapping["ObjectRef[str]", int], study_id: str) -> None:
    """Have seeds save their last epoch and close their runs; of those that do not, close the runs."""
    for ref in running:
        ray.cancel(ref)
    _closed, open_still = (
        ray.wait(list(running), num_returns=len(running), timeout=CLOSE_SECONDS) if running else ([], [])
    )
    for ref in open_still:
        with suppress(RayError):
            ray.cancel(ref, force=True)
        close_seed(study_id, running[ref], "KILLED")


def _places(needs: Mapping[str, float]) -> int:
    """Return how many seeds find room on the cluster at once; raise ConfigError where no node has room for one."""
    rooms = []
    for has in (node["Resources"] for node in _nodes()):
        rooms.append(min(int(has.get(kind, 0) / needed) for kind, needed in _kinds(needs).items()))
    if not any(rooms):
        asked = " and ".join(f"{needed:g} {kind}s" for kind, needed in _kinds(needs).items())
        raise ConfigError(f"ray_cpus and ray_gpus must fit on one node: none of {len(rooms)} has {asked}: ask for less")
    return sum(rooms)


def _nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]  # Ray gives it no types


def _kinds(needs: Mapping[str, float]) -> dict[str, float]:
    named = {"CPU": needs["num_cpus"], "GPU": needs["num_gpus"]}
    return {kind: needed for kind, needed in named.items() if needed}


def _check_store() -> None:
    hosts = {node["NodeManagerHostname"] for node in _nodes()}
    if len(hosts) > 1 and is_file():
        raise ConfigError(
            f"the tracking store is a file of this machine, and the cluster has {len(hosts)}: start mlflow server and "
            "set MLFLOW_TRACKING_URI (docs/server.md)"
        )
