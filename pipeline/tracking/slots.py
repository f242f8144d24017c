"""Checkpoints of a seed on the server: two slots that alternate, each with a tag, and two files of best weights.

The tag of a slot names epoch and sha256 of the checkpoint, and the best weights that it needs, once all is uploaded.
"""

import os
import re
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from pipeline.tracking.checkpoints import CHECKPOINTS, Checkpoint, WholeFile
from pipeline.tracking.outbox import Outbox

SLOTS = ("slot-a.pt", "slot-b.pt")
BESTS = ("best-a.pt", "best-b.pt")  # an outbox sends them first, by their names
TAG = "layerwise.checkpoint"


class Slots:
    """Replaces the slots of one run; `epoch` is the last one that is uploaded, or waits in the outbox.

    One slot stays whole while the other is replaced, and so do the best weights that it needs.
    """

    def __init__(self, outbox: Outbox) -> None:
        self.epoch = 0
        self._outbox, self._slot = outbox, SLOTS[1]
        self._best_of: dict[str, str] = {}  # the file of best weights that a slot needs
        self._sent: dict[str, str] = {}  # the sha256 of files of best weights from this process

    def resume(self, uploaded: list[Checkpoint], last: int) -> None:
        """Continue with the slots that are uploaded, the newest first, where a seed resumes after epoch `last`."""
        self._best_of = {each.name: each.best.name for each in uploaded if each.best}
        for each in uploaded:
            if each.epoch <= last:  # a later one is damaged, and the next upload replaces it
                self._slot, self.epoch = each.name, each.epoch
                break

    def add(self, checkpoint: Checkpoint) -> None:
        """Add a local checkpoint to the outbox, and its best weights where they are new; raise DiskFull."""
        if not self._outbox.holds(f"{CHECKPOINTS}/{self._slot}", _tag(self._slot)):  # or an outage could cost both
            self._slot = _other(SLOTS, self._slot)
        best = self._add_best(checkpoint) if checkpoint.best else None
        self._add_file(checkpoint, checkpoint.name, self._slot)
        self._outbox.add_tags(slot_tag(self._slot, checkpoint.epoch, checkpoint.sha256, best))
        self.epoch = checkpoint.epoch

    def _add_best(self, checkpoint: Checkpoint) -> WholeFile:
        """Return the file of a checkpoint's best weights on the server; add it if the server lacks it."""
        assert checkpoint.best, "its own weights are not the best"
        own, sha256 = checkpoint.best
        name = next((name for name, sent in self._sent.items() if sent == sha256), "")
        if not name:
            name = _other(BESTS, self._best_of.get(_other(SLOTS, self._slot), BESTS[1]))
            self._add_file(checkpoint, own, name)
            self._sent[name] = sha256
        self._best_of[self._slot] = name
        return WholeFile(name, sha256)

    def _add_file(self, checkpoint: Checkpoint, own: str, name: str) -> None:
        self._outbox.add_artifact(f"{CHECKPOINTS}/{name}", partial(link_or_copy, Path(checkpoint.where) / own))


def _other(two: tuple[str, str], one: str) -> str:
    return two[1 - two.index(one)]


def _tag(slot: str) -> str:
    return f"{TAG}.{Path(slot).stem}"


def slot_tag(slot: str, epoch: int, sha256: str, best: WholeFile | None = None) -> dict[str, str]:
    needed = f" best {best.name} sha256 {best.sha256}" if best else ""
    return {_tag(slot): f"epoch {epoch} sha256 {sha256}{needed}"}


def uploaded_checkpoints(run_id: str, artifacts: str, tags: Mapping[str, str]) -> list[Checkpoint]:
    """Return the slots that the tags of a run name, the newest first."""
    pattern = r"epoch (\d+) sha256 ([0-9a-f]{64})(?: best (best-[ab]\.pt) sha256 ([0-9a-f]{64}))?"
    named = []
    for slot in SLOTS:
        if match := re.fullmatch(pattern, tags.get(_tag(slot), "")):
            best = WholeFile(match[3], match[4]) if match[3] else None
            named.append(Checkpoint(run_id, int(match[1]), match[2], slot, artifacts, best))
    return sorted(named, key=lambda checkpoint: -checkpoint.epoch)


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name; copy it where there are no hard links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
