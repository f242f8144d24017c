"""Checkpoints of a seed: the two newest on the local disk, and two slots on the server, each with a tag.

A local file is named by its epoch and its sha256; the tag of a slot names both once the slot is uploaded.
"""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch

from data.manifest import file_sha256
from pipeline.host.disk import disk_space, whole_file
from pipeline.tracking.artifacts import download
from pipeline.tracking.retry import first_line

CHECKPOINTS = "checkpoints"
INITIAL = "initial.pt"
SLOTS = ("slot-a.pt", "slot-b.pt")
TAG = "layerwise.checkpoint"
KEPT = 2  # local files: a newer one may be damaged
State = dict[str, Any]


class Damaged(Exception):
    """A file that differs from its sha256, or that torch cannot read; the message says which of the two."""


class Checkpoint(NamedTuple):
    """A checkpoint of the run `run_id`: the file `name` in a local folder, or in the run's artifacts."""

    run_id: str
    epoch: int
    sha256: str
    name: str
    where: Path | str

    def load(self) -> State:
        """Return what it holds; raise what `load_file` raises."""
        if isinstance(self.where, Path):
            try:
                return _read(self.where / self.name, self.sha256)
            except OSError as error:  # deleted or unreadable: there may be another one
                raise Damaged(f"it cannot be read ({first_line(error)})") from error
        return load_file(self.where, self.name, self.sha256)


def write_local(folder: Path, run_id: str, state: State) -> Checkpoint:
    """Write a state to the local folder of a run, and keep it and the one before; raise DiskFull.

    Files of later epochs are deleted, too: training resumed before them, so they are damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / "checkpoint") as partial:
        with disk_space(folder, f"the checkpoint of epoch {state['epoch']}", tensor_bytes(state)):
            torch.save(state, partial)
        sha256 = file_sha256(partial)
    written = Checkpoint(run_id, state["epoch"], sha256, f"{state['epoch']:06}-{sha256}.pt", folder)
    (folder / "checkpoint").replace(folder / written.name)
    before = [each for each in local_checkpoints(folder, run_id) if each.epoch < written.epoch]
    kept = {each.name for each in (written, *before[: KEPT - 1])}
    for each in local_checkpoints(folder, run_id):
        if each.name not in kept:
            (folder / each.name).unlink()
    return written


def local_checkpoints(folder: Path, run_id: str) -> list[Checkpoint]:
    """Return the checkpoints in the local folder of a run, the newest first."""
    found = []
    try:
        paths = list(folder.glob("*.pt"))
    except FileNotFoundError:  # another process removes the folder
        return []
    for path in paths:
        if match := re.fullmatch(r"(\d+)-([0-9a-f]{64})\.pt", path.name):
            found.append(Checkpoint(run_id, int(match[1]), match[2], path.name, folder))
    return sorted(found, key=lambda checkpoint: -checkpoint.epoch)


def slot_tag(slot: str, epoch: int, sha256: str) -> dict[str, str]:
    return {f"{TAG}.{Path(slot).stem}": f"epoch {epoch} sha256 {sha256}"}


def uploaded_checkpoints(run_id: str, artifacts: str, tags: Mapping[str, str]) -> list[Checkpoint]:
    """Return the slots that the tags of a run name, the newest first."""
    named = []
    for slot in SLOTS:
        if match := re.fullmatch(r"epoch (\d+) sha256 ([0-9a-f]{64})", tags.get(f"{TAG}.{Path(slot).stem}", "")):
            named.append(Checkpoint(run_id, int(match[1]), match[2], slot, artifacts))
    return sorted(named, key=lambda checkpoint: -checkpoint.epoch)


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name; copy it where there are no hard links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


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
