"""What a seed sends to the tracking server: on disk first, so that an outage or a kill loses nothing."""

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mlflow.entities import Metric, RunTag

from pipeline.console.errors import Failure
from pipeline.host.disk import disk_space, unwritable, whole_file
from pipeline.tracking import heartbeat
from pipeline.tracking.heartbeat import FENCED, RELEASED, identity, is_gone, same_process, signs_of_life
from pipeline.tracking.retry import Unreachable, first_line, is_outage, is_refusal, refused, repeat
from pipeline.tracking.run import Run

log = logging.getLogger(__name__)

OWNERS = "owners.json"  # of the processes that have written here, or sent what others left
BATCH = 1000  # metrics in a request
ATTEMPTS_SHARE = 5  # during an outage the next try comes after this many times as long as the last one took


class Outbox:
    """Sends in this order: metrics, as they came; artifacts, the newest of each path; tags, which may speak of them.

    Metrics keep their original time: sent twice, they are stored once. Everything is in `folder` until the
    server has it; the next process that opens the outbox of the run sends what was left there first.
    """

    def __init__(self, run: Run, folder: Path) -> None:
        self.run, self.folder = run, folder / run.id
        self.away, self._next_try, self._sending = False, 0.0, ""
        with _writing(self.folder):
            for name in ("metrics", "artifacts"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            if not (self.folder / OWNERS).exists():
                with whole_file(self.folder / OWNERS) as path:
                    path.write_text(json.dumps([identity()]))

    def add_metrics(self, metrics: Mapping[str, float], step: int, part: int = 0) -> None:
        """Add metrics of a step, BATCH at most; `send` sends them in one request, which a store takes as a whole."""
        now = time.time_ns() // 1_000_000
        rows = [(key, value, now, step) for key, value in metrics.items()]
        with whole_file(self.folder / "metrics" / f"{step:09}-{part:03}.json") as path:
            path.write_text(json.dumps(rows))

    def add_artifact(self, name: str, write: Callable[[Path], object], size: int = 0) -> None:
        """Add an artifact of `size` bytes, which `write` writes to a path; replace an unsent one; raise DiskFull."""
        target = self.folder / "artifacts" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as path, disk_space(target.parent, name, size):
            write(path)

    def holds(self, artifact: str, tag: str) -> bool:
        """Return whether an artifact of that name, or the tag that speaks of it, is not sent yet."""
        return (self.folder / "artifacts" / artifact).exists() or tag in self._tags()

    def add_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags, to be set once all artifacts added so far are uploaded."""
        with whole_file(self.folder / "tags.json") as path:
            path.write_text(json.dumps(self._tags() | dict(tags)))

    def send(self) -> None:
        """Send what there is; during an outage try now and then, and report it once.

        Raise StoreError for what the server refuses, DiskFull of a store on this machine, and RunTaken.
        """
        started = time.monotonic()
        if started < self._next_try:
            return
        try:
            self._send()
        except Exception as error:
            if is_refusal(error):
                raise refused(error, f"uploading {self._sending}") from error
            if not is_outage(error):
                raise
            if not self.away:
                log.warning(
                    "the tracking server is unreachable (%s): training continues; results are kept in %s",
                    first_line(error),
                    self.folder,
                )
            now = time.monotonic()
            self.away, self._next_try = True, now + ATTEMPTS_SHARE * (now - started)
        else:
            self._report_back()

    def _send(self) -> None:
        for path in self._files("metrics"):
            try:
                rows = json.loads(path.read_text())
            except ValueError:  # a seed that resumes logs these metrics again, from its tables
                log.warning("%s is damaged and skipped", path)
                path.unlink()
                continue
            with self._sent(path, "metrics"):
                self.run.client.log_batch(self.run.id, metrics=[Metric(*row) for row in rows])
        for path in self._files("artifacts"):
            name = path.relative_to(self.folder / "artifacts")
            with self.run.disk_space_for(path, path.name), self._sent(path, str(name)):
                folder = None if name.parent == Path() else str(name.parent)
                self.run.client.log_artifact(self.run.id, str(path), folder)
        if tags := self._tags():
            with self._sent(self.folder / "tags.json", "tags"):
                self.run.client.log_batch(self.run.id, tags=[RunTag(key, value) for key, value in tags.items()])

    @contextmanager
    def _sent(self, path: Path, name: str) -> Iterator[None]:
        """Check that the run is still this process's before something is sent, and remove its file afterwards.

        For metrics the answer of the last heartbeat will do: nothing resumes from them.
        """
        self._sending = name
        self.run.check_ours(*([heartbeat.BEAT_SECONDS] if name == "metrics" else []))
        yield
        path.unlink()

    def close(self, patience: float) -> None:
        """Send everything, and remove the folder; raise Unreachable if the server is so for `patience` seconds.

        Raise what `send` raises, too.
        """
        self.flush(patience)
        shutil.rmtree(self.folder)

    def flush(self, patience: float) -> None:
        """Send everything, as `close` does; what else lies in the folder stays."""
        try:
            repeat(self._send, patience)
        except Exception as error:
            if is_refusal(error):
                raise refused(error, f"uploading {self._sending}") from error
            if is_outage(error):
                raise Unreachable(
                    f"the tracking server is unreachable ({first_line(error)}); results are kept in {self.folder}: "
                    "start the server, and the same command uploads them first"
                ) from error
            raise
        self._report_back()

    def _report_back(self) -> None:
        if self.away:
            log.warning("the tracking server is back, and has all results of the run %s", self.run.id)
        self.away = False

    def _files(self, name: str) -> list[Path]:
        paths = (self.folder / name).rglob("*")
        return sorted(path for path in paths if path.is_file() and path.suffix != ".partial")

    def _tags(self) -> dict[str, str]:
        path = self.folder / "tags.json"
        tags: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        return tags


def send_left(run: Run, folder: Path, patience: float) -> None:
    """Send what a process that is gone, or silent, has left in the outbox of its run, if anything; raise Unreachable.

    Where another process has written to the run since, the run is further than what was left, which is removed. The
    processes that have only tried to send it do not count: all of them are on record.
    """
    if not (folder / run.id).is_dir() or unwritable(folder / run.id):  # another user's is theirs to send
        return
    tags = run.tags()
    if not is_current(folder / run.id, tags):
        shutil.rmtree(folder / run.id)
        return
    outbox = Outbox(run, folder)
    add_owner(outbox.folder)
    run.set_tags(signs_of_life())
    outbox.flush(patience)
    run.set_tags(RELEASED if is_gone(tags) else FENCED)


def is_current(folder: Path, tags: Mapping[str, str]) -> bool:
    """Return whether the process that the tags of a run name last has written the outbox of the run, or sent it."""
    return any(same_process(tags, owner) for owner in _owners(folder))


def add_owner(folder: Path) -> None:
    """Record this process in an existing outbox, before the tags of its run name the process."""
    if folder.is_dir():
        with _writing(folder), whole_file(folder / OWNERS) as path:
            path.write_text(json.dumps([*_owners(folder), identity()]))


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Raise Failure where a folder cannot be written: in a shared data folder, it may be another user's."""
    try:
        yield
    except PermissionError as error:
        raise Failure(
            f"results cannot be kept in {folder} ({first_line(error)}): have the folder deleted if it is another "
            "user's, or name another data folder with data_dir"
        ) from error


def _owners(folder: Path) -> list[dict[str, str]]:
    try:
        owners: list[dict[str, str]] = json.loads((folder / OWNERS).read_text())
    except (OSError, ValueError):  # removed by another process, another user's, or damaged by a power failure
        return []
    return owners
