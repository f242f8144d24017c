"""Checkpoints of a seed on the local disk: the two newest, and the best weights that they refer to.

A checkpoint is named by its epoch, its sha256 and that of its best weights, which are in a file of their own: they
change rarely. Where the best epoch is the checkpoint's own, its weights are the best ones, and there is no such file.
"""

import re
from pathlib import Path

import torch

from data.manifest import file_sha256
from pipeline.host.disk import disk_space, whole_file
from pipeline.tracking.checkpoints import Checkpoint, State, WholeFile, tensor_bytes

KEPT = 2  # a newer one may be damaged


class LocalCheckpoints:
    """Writes the checkpoints of one run to a folder."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self.folder, self.run_id = folder, run_id
        self._best: tuple[int, WholeFile] | None = None  # the epoch of the best weights written last, and their file

    def write(self, state: State) -> Checkpoint:
        """Write a state, the best weights first where they are new, and keep it and the one before; raise DiskFull.

        Files of later epochs are deleted, too: training resumed before them, so they are damaged.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        best = dict(state["best"])
        weights = best.pop("model", None)
        file = None if weights is None else self._best_file(best["epoch"], weights)
        epoch = state["epoch"]
        suffix = f"-{file.sha256}" if file else ""
        name, sha256 = self._write(f"{epoch:06}", state | {"best": best}, f"the checkpoint of epoch {epoch}", suffix)
        written = Checkpoint(self.run_id, epoch, sha256, name, self.folder, file)
        self._delete_all_but(written)
        return written

    def _best_file(self, epoch: int, weights: State) -> WholeFile:
        if self._best is None or self._best[0] != epoch:
            self._best = epoch, self._write("best", weights, f"the best weights, of epoch {epoch}")
        return self._best[1]

    def _write(self, prefix: str, state: State, what: str, suffix: str = "") -> WholeFile:
        with whole_file(self.folder / "checkpoint") as partial:
            with disk_space(self.folder, what, tensor_bytes(state)):
                torch.save(state, partial)
            sha256 = file_sha256(partial)
        written = WholeFile(f"{prefix}-{sha256}{suffix}.pt", sha256)
        (self.folder / "checkpoint").replace(self.folder / written.name)
        return written

    def _delete_all_but(self, written: Checkpoint) -> None:
        before = [each for each in local_checkpoints(self.folder, self.run_id) if each.epoch < written.epoch]
        kept = (written, *before[: KEPT - 1])
        names = {each.name for each in kept} | {each.best.name for each in kept if each.best}
        for path in sorted(self.folder.glob("*.pt")):  # checkpoints come before the best weights that they need
            if path.name not in names:
                path.unlink()


def local_checkpoints(folder: Path, run_id: str) -> list[Checkpoint]:
    """Return the checkpoints in the local folder of a run, the newest first."""
    found = []
    try:
        paths = list(folder.glob("*.pt"))
    except FileNotFoundError:  # another process removes the folder
        return []
    for path in paths:
        if match := re.fullmatch(r"(\d+)-([0-9a-f]{64})(?:-([0-9a-f]{64}))?\.pt", path.name):
            best = WholeFile(f"best-{match[3]}.pt", match[3]) if match[3] else None
            found.append(Checkpoint(run_id, int(match[1]), match[2], path.name, folder, best))
    return sorted(found, key=lambda checkpoint: -checkpoint.epoch)
