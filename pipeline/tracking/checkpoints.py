"""A checkpoint of a seed, on the local disk or in the artifacts of a run, and how it is loaded."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch

from data.manifest import file_sha256
from pipeline.host.disk import disk_space
from pipeline.tracking.artifacts import download, list_files
from pipeline.tracking.retry import StoreError, first_line

CHECKPOINTS = "checkpoints"
INITIAL = "initial.pt"
State = dict[str, Any]


class Damaged(Exception):
    """A file that differs from its sha256, or that torch cannot read; the message says which of the two."""


class WholeFile(NamedTuple):
    """A file of tensors, and the sha256 that it has if it is whole."""

    name: str
    sha256: str


class Checkpoint(NamedTuple):
    """A checkpoint of the run `run_id`: the file `name` in a local folder, or in the run's artifacts.

    The best weights so far are in the file `best` beside it; without, they are those of the checkpoint itself.
    """

    run_id: str
    epoch: int
    sha256: str
    name: str
    where: Path | str
    best: WholeFile | None = None

    def load(self) -> State:
        """Return what it holds, with the best weights; raise what `load_file` raises."""
        state = self._read(self.name, self.sha256)
        if self.best is None:
            return state
        try:
            return state | {"best": state["best"] | {"model": self._read(*self.best)}}
        except Damaged as error:
            raise Damaged(f"its best weights ({self.best.name}): {error}") from error
        except StoreError as error:  # the store has just sent the checkpoint
            if self.best.name in list_files(str(self.where), CHECKPOINTS):
                raise
            raise Damaged(f"its best weights ({self.best.name}) are missing") from error

    def _read(self, name: str, sha256: str) -> State:
        if not isinstance(self.where, Path):
            return load_file(self.where, name, sha256)
        try:
            return _read(self.where / name, sha256)
        except OSError as error:  # deleted or unreadable: there may be another one
            raise Damaged(f"it cannot be read ({first_line(error)})") from error


def load_file(artifacts: str, name: str, sha256: str | None = None) -> State:
    """Return what an uploaded file of tensors holds.

    Raise Damaged, DiskFull, StoreError, or what the store raises in an outage. The download goes to the folder for
    temporary files, TMPDIR.
    """
    with (
        TemporaryDirectory() as folder,
        disk_space(Path(folder), f"{name}, in the folder for temporary files (TMPDIR),"),
    ):
        return _read(download(artifacts, f"{CHECKPOINTS}/{name}", folder), sha256)


def _read(path: Path, sha256: str | None) -> State:
    if sha256 and file_sha256(path) != sha256:
        raise Damaged("its sha256 differs")
    try:
        state: State = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what torch raises for bytes that it cannot read has many names
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno):
            raise
        raise Damaged(f"torch cannot read it ({first_line(error)})") from error
    return state


def tensor_bytes(state: object) -> int:
    """Return how many bytes the tensors in nested dictionaries take."""
    if isinstance(state, Mapping):
        return sum(map(tensor_bytes, state.values()))
    return state.nbytes if isinstance(state, torch.Tensor) else 0
