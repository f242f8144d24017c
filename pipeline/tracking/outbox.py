"""What a seed sends to the tracking server: on disk first, so that a server that is away, or a kill, loses nothing."""

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from mlflow.entities import Metric
from mlflow.exceptions import MlflowException

from pipeline.disk import room
from pipeline.tracking.liveness import is_ours
from pipeline.tracking.runs import Run, RunTaken, logged_seconds
from pipeline.tracking.store import StoreError, first_line

FOLDER = "outbox"
BATCH = 1000  # metrics in a request
RETRY_SECONDS = 2.0
ATTEMPTS_SHARE = 5  # a server that is away is tried again after so many times as long as the last try took
CLIENTS = ("requests", "urllib3", "botocore", "google", "azure")  # whose errors come from the way to a store
BUSY = "QueuePool limit"  # all of a worker's connections to its database are in use, which it answers with a 400
REFUSED = ("INVALID_PARAMETER_VALUE", "PERMISSION_DENIED", "RESOURCE_DOES_NOT_EXIST", "UNAUTHENTICATED", "BAD_REQUEST")


Result = TypeVar("Result")


class ServerAway(Exception):
    """What a seed has to say could not be sent; the message says where it is kept and how it gets there."""


class Outbox:
    """Sends in this order: metrics, as they came; artifacts, the newest of each path; tags, which may speak of them.

    Metrics keep the time at which they were made: sent twice, they stand once. Everything is in `folder` until the
    server has it; who opens the outbox of the run again sends what was left there first.
    """

    def __init__(self, run: Run, folder: Path) -> None:
        self.run, self.folder = run, folder / run.id
        self.away, self._next_try = False, 0.0
        for name in ("metrics", "artifacts"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def add_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Add the metrics of a step; `send` sends them."""
        now = time.time_ns() // 1_000_000
        rows = [(key, value, now, step) for key, value in metrics.items()]
        for start in range(0, len(rows), BATCH):
            with _whole(self.folder / "metrics" / f"{step:09}-{start:09}.json") as path:
                path.write_text(json.dumps(rows[start : start + BATCH]))

    def add_artifact(self, name: str, write: Callable[[Path], object], size: int = 0) -> Path:
        """Add an artifact of some bytes, which `write` writes to a path; an unsent one of that name goes.

        Return where it lies until it is sent; raise DiskFull.
        """
        target = self.folder / "artifacts" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with _whole(target) as path, room(target.parent, name, size):
            write(path)
        return target

    def add_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags, to be set once all artifacts added so far are there."""
        with _whole(self.folder / "tags.json") as path:
            path.write_text(json.dumps(self._tags() | dict(tags)))

    def send(self) -> None:
        """Send what is there, unless the server is away, which is said once.

        Raise what the server refuses, DiskFull of a store on this machine, and RunTaken.
        """
        started = time.monotonic()
        if started < self._next_try:
            return
        try:
            self._send()
        except Exception as error:  # each kind of store has its own errors; what sending again cannot mend is raised
            if not _means_away(error):
                raise
            if not self.away:
                self._say(f"is away ({first_line(error)}): training goes on; what it lacks is kept in {self.folder}")
            now = time.monotonic()
            self.away, self._next_try = True, now + ATTEMPTS_SHARE * (now - started)
        else:
            if self.away:
                self._say(f"is back, and has all that was kept of the run {self.run.id}")
            self.away = False

    def _send(self) -> None:
        if self.away and not is_ours(self.run.tags()):
            raise RunTaken(f"another process has taken over the run {self.run.id} while the tracking server was away")
        for path in self._files("metrics"):
            rows = json.loads(path.read_text())
            self.run.client.log_batch(self.run.id, metrics=[Metric(*row) for row in rows])
            path.unlink()
        for path in self._files("artifacts"):
            parent = path.parent.relative_to(self.folder / "artifacts")
            with self.run.room_for(path, path.name):
                self.run.log_files(path, None if parent == Path() else str(parent))
            path.unlink()
        if tags := self._tags():
            self.run.set_tags(tags)
            (self.folder / "tags.json").unlink()

    def close(self, patience: float) -> None:
        """Send everything, and wait so many seconds for a server that is away; raise ServerAway."""
        until, self._next_try = time.monotonic() + patience, 0.0
        self.send()
        while self.away:
            if time.monotonic() > until:
                raise ServerAway(
                    f"the tracking server is away; what it lacks is kept in {self.folder}: "
                    "start the server, and the same command sends it first"
                )
            time.sleep(RETRY_SECONDS)
            self._next_try = 0.0
            self.send()
        shutil.rmtree(self.folder)

    def drop_metrics(self, steps: Iterable[int]) -> None:
        """Remove unsent metrics of steps that the server has from somebody else."""
        for step in steps:
            for path in (self.folder / "metrics").glob(f"{step:09}-*.json"):
                path.unlink()

    def _say(self, news: str) -> None:
        print(f"the tracking server {news}", file=sys.stderr)

    def _files(self, name: str) -> list[Path]:
        paths = (self.folder / name).rglob("*")
        return sorted(path for path in paths if path.is_file() and path.suffix != ".partial")

    def _tags(self) -> dict[str, str]:
        path = self.folder / "tags.json"
        tags: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        return tags


def patiently(call: Callable[[], Result], patience: float) -> Result:
    """Return what a call returns; while the server is away, call again, for so many seconds, then raise ServerAway."""
    until = time.monotonic() + patience
    while True:
        try:
            return call()
        except Exception as error:
            if not _means_away(error):
                raise
            if time.monotonic() > until:
                raise ServerAway(
                    f"the tracking server is away ({first_line(error)}): start it, and the same command goes on"
                ) from error
            time.sleep(RETRY_SECONDS)


def send_left(run_ids: Iterable[str], folder: Path, patience: float) -> None:
    """Send what processes that are gone have left in the outboxes of their runs, if anything; raise ServerAway."""
    for run_id in run_ids:
        if (folder / run_id).is_dir():
            run = Run(run_id)
            outbox = Outbox(run, folder)
            outbox.drop_metrics(logged_seconds(run))
            outbox.close(patience)


def _means_away(error: BaseException) -> bool:
    """Say whether sending the same again may work: an error of the way to the store, and not what the store refuses."""
    if isinstance(error, StoreError):
        error = error.__cause__ or error
    if isinstance(error, MlflowException):
        return error.error_code not in REFUSED or BUSY in str(error)
    return isinstance(error, ConnectionError | TimeoutError) or type(error).__module__.partition(".")[0] in CLIENTS


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """Give a path to write to, and put it in the target's place once it is whole."""
    aside = target.with_name(f"{target.name}.partial")
    try:
        yield aside
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
