"""The two checkpoint slots of a seed's run: a tag a slot names its epoch and its sha256, once it is uploaded."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from torch import nn

from data.manifest import file_sha256
from pipeline.host.disk import disk_space
from pipeline.tracking.artifacts import download
from pipeline.tracking.retry import first_line

CHECKPOINTS = "checkpoints"
INITIAL = "initial.pt"
SLOTS = ("slot-a.pt", "slot-b.pt")
TAG = "layerwise.checkpoint"
State = dict[str, Any]


class Slot(NamedTuple):
    """A slot as its tag describes it."""

    file: str
    epoch: int
    sha256: str


def slot_tag(file: str, epoch: int, sha256: str) -> dict[str, str]:
    return {f"{TAG}.{Path(file).stem}": f"epoch {epoch} sha256 {sha256}"}


def slots(tags: Mapping[str, str]) -> list[Slot]:
    """Return the slots that tags name, the newest first."""
    named = []
    for file in SLOTS:
        match = re.fullmatch(r"epoch (\d+) sha256 ([0-9a-f]{64})", tags.get(f"{TAG}.{Path(file).stem}", ""))
        if match:
            named.append(Slot(file, int(match[1]), match[2]))
    return sorted(named, key=lambda slot: -slot.epoch)


def slot_of(epoch: int, every: int) -> str:
    """Return the file of the checkpoint after an epoch, written every so many: the one before is in the other file."""
    return SLOTS[(-(-epoch // every) - 1) % len(SLOTS)]


def snapshot_of(epoch: int) -> str | None:
    """Return the file of the weights alone after an epoch of the Fibonacci numbers 1, 2, 3, 5, 8, 13, ..."""
    before, number = 1, 1
    while number < epoch:
        before, number = number, before + number
    return f"weights-{epoch:04}.pt" if number == epoch else None


def describe_snapshots(model: nn.Module, epochs: int) -> str:
    """Say how many snapshots so many epochs leave, and how much room they take."""
    count = sum(1 for epoch in range(1, epochs + 1) if snapshot_of(epoch))
    size = sum(tensor.nbytes for tensor in model.state_dict().values()) / 1_000_000
    return f"snapshots: {count} a seed, {size:,.1f} MB each, {count * size:,.1f} MB in all"


class Damaged(Exception):
    """A file that is not what its tag says, or that torch cannot read; the message says which of the two."""


def newest_whole(artifacts: str, tags: Mapping[str, str], *, last: int, say: Callable[[str], None]) -> State | None:
    """Return the newest checkpoint of a run, up to epoch `last`, that is as its tag says; report damaged ones.

    A checkpoint that cannot be downloaded is not damaged: raise what the store raises, StoreError, or DiskFull.
    """
    for slot in slots(tags):
        if slot.epoch > last:
            continue
        try:
            return load_file(artifacts, slot.file, slot.sha256)
        except Damaged as error:
            say(f"the checkpoint of epoch {slot.epoch} ({slot.file}) is damaged: {error}")
    return None


def load_file(artifacts: str, file: str, sha256: str | None = None) -> State:
    """Return what a file of tensors holds; raise Damaged, DiskFull, StoreError, or what the store raises in an outage.

    The download goes to the folder for temporary files, TMPDIR.
    """
    with (
        TemporaryDirectory() as folder,
        disk_space(Path(folder), f"{file}, in the folder for temporary files (TMPDIR),"),
    ):
        path = download(artifacts, f"{CHECKPOINTS}/{file}", folder)
        if sha256 and file_sha256(path) != sha256:
            raise Damaged("its sha256 is not the one of its tag")
        try:
            state: State = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # what torch raises for bytes that it cannot read has many names
            if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno):
                raise
            raise Damaged(f"torch cannot read it ({first_line(error)})") from error
        return state


def read_snapshots(artifacts: str, *, last: int, say: Callable[[str], None]) -> Iterator[tuple[int, str, State]]:
    """Yield epoch, file and content of the weights that a run has kept, up to an epoch; report damaged ones."""
    repository = get_artifact_repository(artifacts)
    kept = {item.path.rpartition("/")[2] for item in repository.list_artifacts(CHECKPOINTS)}
    for epoch in range(1, last + 1):
        file = snapshot_of(epoch)
        if file in kept:
            try:
                yield epoch, file, load_file(artifacts, file)
            except Damaged as error:
                say(f"the weights of epoch {epoch} ({file}) are damaged, and left out: {error}")
