"""Many seeds on a Ray cluster: a task each, which Ray places, repeats where a worker or a node is lost, and cancels."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from ray import ObjectRef
from ray.exceptions import RayError

from data.prepared import Prepared
from pipeline.config.folders import data_folder
from pipeline.config.resolve import resolve, with_paper_values
from pipeline.config.schema import Settings
from pipeline.config.settings import Config
from pipeline.console.errors import BadInput
from pipeline.execution.queue import Queue
from pipeline.execution.ray.remote import Sent, epoch_seconds_there, train_there
from pipeline.execution.ray.tasks import ask, cancel, report, task
from pipeline.execution.resources import Needs, Node
from pipeline.execution.status import Capacity
from pipeline.host.provenance import COMMIT, ROOT, commit
from pipeline.host.signals import Interrupted, raise_on_signals
from pipeline.tracking.retry import first_line
from pipeline.tracking.store import is_here, variables

RETRIES = 10  # of a seed whose worker or node is lost: Ray's own 3 are few for days on nodes that come and go
POLL_SECONDS = 1.0


class Cluster:
    """The executor on a Ray cluster that this process is connected to."""

    def __init__(self, studies: Sequence[Settings]) -> None:
        nodes = _resources()
        self.capacity = Capacity(
            min(Needs.of(settings, nodes).places(nodes) for settings in studies), studies_together=True
        )
        self._data_dir = studies[0].data_dir
        self._over = threading.Event()
        self._signal = int(signal.SIGTERM)

    @classmethod
    @contextmanager
    def connected(cls, studies: Sequence[Settings]) -> Iterator["Cluster"]:
        """Connect to the cluster, or start one here; raise BadInput."""
        address = studies[0].ray_address or os.environ.get("RAY_ADDRESS")
        environment = {**variables(), COMMIT: commit()}
        try:
            ray.init(
                address=address or "local",
                runtime_env={"working_dir": str(ROOT), "env_vars": environment},
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=None if address else False,
            )
        except (ConnectionError, RayError, RuntimeError, ValueError) as error:
            raise BadInput(
                f"ray_address must lead to a Ray cluster that takes this folder ({first_line(error)}): start one with "
                "ray start --head, set RAY_AUTH_MODE=token where it has a token, or give none, which starts one on "
                f"this machine; got {address!r}"
            ) from None
        try:
            raise_on_signals()  # ray.init has replaced the handlers
            _check_store()
            yield cls(studies)
        finally:
            ray.shutdown()
            raise_on_signals()

    def resolve(self, settings: Settings) -> Config:
        """Return settings resolved in a task with a seed's CPUs and GPUs.

        The folder of the data is that of this machine: every other has its own.
        """
        needs = Needs.of(settings, _resources())
        there = replace(
            with_paper_values(settings),  # params.yaml is on this machine
            dataset=_absolute(settings.dataset),
            device="cpu" if settings.device == "auto" and not needs.num_gpus else settings.device,
            ray_gpus=needs.num_gpus,
        )
        config: Config = ask(needs, resolve, there)
        return replace(config, data_dir=data_folder(self._data_dir))

    def epoch_seconds(self, config: Config, prepared: Prepared) -> float:  # noqa: ARG002  # a node has its own
        """Return about how many seconds an epoch takes on a node."""
        seconds: float = ask(Needs.of(config, _resources()), epoch_seconds_there, self._sent(config))
        return seconds

    def _sent(self, config: Config) -> Sent:
        folder = self._data_dir and str(Path(data_folder(self._data_dir)).absolute())
        return Sent(config, config.architecture.source, folder)

    def run(self, studies: Sequence[Callable[[], None]], watch: Callable[[], None]) -> list[BaseException | None]:
        """Run studies side by side, a thread each: they wait for the cluster most of the time."""
        with ThreadPoolExecutor(len(studies), thread_name_prefix="study") as pool:
            futures = [pool.submit(study) for study in studies]
            try:
                while wait(futures, timeout=POLL_SECONDS).not_done:
                    watch()
            except BaseException as error:
                self._signal = error.number if isinstance(error, Interrupted) else self._signal
                self._over.set()
                raise
        return [future.exception() for future in futures]

    def train(self, config: Config, prepared: Prepared, queue: Queue) -> None:  # noqa: ARG002  # a node has its own
        """Train every queued seed. A failing seed is reported and does not stop the others."""
        needs = Needs.of(config, _resources())
        seed_task = task(needs, train_there, name=config.study_name, max_retries=RETRIES)
        sent = self._sent(config)
        running: dict[ObjectRef[str], int] = {}

        def release_ended(seconds: float = POLL_SECONDS) -> None:
            """Wait for a task to end, for some seconds; raise Interrupted if this process was asked to stop."""
            ended, _others = ray.wait(list(running), timeout=seconds) if running else ([], [])
            for ref in ended:
                seed = running.pop(ref)
                report(ref, seed, queue.study_hash, config.server_wait)
                queue.release(seed)
            if self._over.wait(0 if ended or running else seconds):
                raise Interrupted(self._signal)

        try:
            for start in queue.starts(release_ended):
                running[seed_task.remote(sent, queue.study.id, queue.study_hash, start.seed)] = start.seed
            while running:
                release_ended()
        finally:
            cancel(running, queue.study_hash)


def _absolute(dataset: str) -> str:
    """Return the name of a data set, or the path of a file as it is to be found on every node."""
    return str(Path(dataset).absolute()) if dataset.endswith(".npz") else dataset


def _nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]  # Ray gives it no types


def _resources() -> list[Node]:
    return [node["Resources"] for node in _nodes()]


def _check_store() -> None:
    hosts = {node["NodeManagerHostname"] for node in _nodes()}
    if len(hosts) > 1 and is_here():
        raise BadInput(
            f"the tracking store is for this machine alone, and the cluster has {len(hosts)}: start mlflow server and "
            "set MLFLOW_TRACKING_URI to an address that all of them reach (docs/server.md)"
        )
