"""Checkpoints on the server: after a kill at any moment, a slot is whole, and so are the best weights that it needs."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from mlflow import MlflowClient

from data.manifest import file_sha256
from pipeline.tracking.checkpoints import CHECKPOINTS, Checkpoint, Damaged, WholeFile
from pipeline.tracking.local_checkpoints import local_checkpoints
from pipeline.tracking.outbox import Outbox
from pipeline.tracking.run import Run
from pipeline.tracking.runs import open_run
from pipeline.tracking.seed_log import SeedLog
from pipeline.tracking.slots import link_or_copy, slot_tag, uploaded_checkpoints

LAST = 9


class Killed(BaseException):
    """The process is killed: nothing of it runs from now on."""


def best_of(epoch: int) -> int:
    """Return the best epoch so far: 1, 2, 2, 4, 4, 4, 7, 7, 7."""
    return next(best for best in (7, 4, 2, 1) if best <= epoch)


def state(epoch: int) -> dict[str, Any]:
    best = best_of(epoch)
    earlier = {} if best == epoch else {"model": {"w": torch.full((2,), float(best))}}
    return {"epoch": epoch, "model": {"w": torch.full((2,), float(epoch))}, "best": {"epoch": best} | earlier}


@pytest.fixture
def run(store: str) -> Iterator[Run]:  # noqa: ARG001
    with open_run("seed", "seed-0") as opened:
        yield opened


def log_of(run: Run) -> SeedLog:
    return SeedLog(run, Outbox(run, Path("outbox")), lambda _layer: "all", every=1)


def uploaded(run: Run) -> list[Checkpoint]:
    return uploaded_checkpoints(run.id, run.artifact_location(""), run.tags())


def checked(checkpoint: Checkpoint) -> int:
    """Return the epoch of a checkpoint, whose weights and best weights are those of its epochs; raise Damaged."""
    loaded = checkpoint.load()
    epoch, best = loaded["epoch"], loaded["best"]
    assert (epoch, best["epoch"]) == (checkpoint.epoch, best_of(epoch))
    assert loaded["model"]["w"][0] == epoch
    assert best.get("model", loaded["model"])["w"][0] == best_of(epoch)
    return int(epoch)


def whole(checkpoints: list[Checkpoint]) -> list[int]:
    found = []
    for each in checkpoints:
        try:
            found.append(checked(each))
        except Damaged:
            continue
    return found


def files(run: Run) -> dict[str, int]:
    folder = Path(run.artifact_location("")) / CHECKPOINTS
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_best_weights_are_uploaded_once_and_a_slot_whose_own_are_the_best_needs_none(run: Run) -> None:
    log, sent = log_of(run), []
    for epoch in range(1, LAST + 1):
        log.save(state(epoch))
        sent.append(files(run))
        assert whole(uploaded(run)) == [epoch, epoch - 1][: min(epoch, 2)]
    bests = [{name: time for name, time in each.items() if name.startswith("best")} for each in sent]
    assert list(map(len, bests)) == [0, 0, 1, 1, 1, 1, 1, 2, 2]
    assert bests[2] == bests[3] != bests[4], "those of epoch 2, then of 4 in their place: no slot needs epoch 2"
    assert bests[4] == bests[5] == bests[6]
    assert bests[7] == bests[8]
    assert [each for each in uploaded(run) if each.best] == uploaded(run)


class Clock:
    """Kills at a step: before one of the operations that make files visible, delete them, or send them."""

    def __init__(self, patch: pytest.MonkeyPatch, at: int) -> None:
        self.left, self.dead = at, False
        for owner, name in ((Path, "replace"), (Path, "unlink"), (shutil, "copyfile")):
            patch.setattr(owner, name, self.counted(getattr(owner, name)))
        for name in ("log_artifact", "log_batch"):
            patch.setattr(MlflowClient, name, self.counted(getattr(MlflowClient, name)))

    def counted(self, call: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: Any, **options: Any) -> object:
            self.left -= 1
            if self.dead or self.left == 0:
                self.dead = True
                raise Killed
            return call(*arguments, **options)

        return step


def killed(log: SeedLog, epoch: int, at: int) -> bool:
    """Save an epoch, and be killed at a step of it; return whether it has that step."""
    with pytest.MonkeyPatch.context() as patch:
        Clock(patch, at)
        try:
            log.save(state(epoch))
        except Killed:
            return True
    return False


def test_a_kill_between_any_two_writes_leaves_a_whole_checkpoint_on_the_disk_and_on_the_server(
    run: Run, tmp_path: Path
) -> None:
    """And so does a second one, when the same command has resumed; another machine resumes from the server alone."""
    log, epoch = log_of(run), 5  # whose best weights, of epoch 4, are in no file yet
    for before in range(1, epoch):
        log.save(state(before))
    keep(tmp_path, run)
    for at in count(1):
        if not killed(log_of_resumed(run, epoch - 1), epoch, at):
            break
        assert whole(uploaded(run))[:1] in ([epoch - 1], [epoch])
        (newest, *_rest) = whole(local_checkpoints(Path("outbox") / run.id / CHECKPOINTS, run.id))
        assert newest in (epoch - 1, epoch)
        killed(log_of_resumed(run, newest), newest + 1, 1 + 5 * at % 17)
        assert whole(uploaded(run)), at
        shutil.rmtree(Path("outbox") / run.id)
        (saved, *_rest) = whole(uploaded(run))
        resumed = log_of_resumed(run, saved)
        for later in range(saved + 1, epoch + 2):
            resumed.save(state(later))
            assert whole(uploaded(run))[0] == later
        restore(tmp_path, run)
    assert at > 15, "each file and request is a step"


def log_of_resumed(run: Run, last: int) -> SeedLog:
    log = log_of(run)
    log.resume(state(last) | {"tables": {}}, [])
    return log


def keep(folder: Path, run: Run) -> None:
    """Keep what the disk and the server have."""
    shutil.copytree(Path("outbox") / run.id, folder / "kept" / "outbox")
    shutil.copytree(Path(run.artifact_location("")) / CHECKPOINTS, folder / "kept" / "files")
    (folder / "kept" / "tags").write_text(repr({tag: v for tag, v in run.tags().items() if "checkpoint" in tag}))


def restore(folder: Path, run: Run) -> None:
    shutil.rmtree(Path("outbox") / run.id)
    shutil.copytree(folder / "kept" / "outbox", Path("outbox") / run.id)
    target = Path(run.artifact_location("")) / CHECKPOINTS
    shutil.rmtree(target)
    shutil.copytree(folder / "kept" / "files", target)
    run.set_tags(eval((folder / "kept" / "tags").read_text()))


def test_an_outage_costs_neither_the_whole_slot_nor_its_best_weights(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    log = log_of(run)
    for epoch in (1, 2, 3):
        log.save(state(epoch))
    with monkeypatch.context() as patch:
        patch.setattr(log.outbox, "send", lambda: None)
        for epoch in range(4, LAST):
            log.save(state(epoch))
            assert whole(uploaded(run)) == [3, 2]
    log.outbox.send()
    assert whole(uploaded(run)) == [LAST - 1, 3]
    log.save(state(LAST))
    assert whole(uploaded(run)) == [LAST, LAST - 1]


def test_an_outage_between_a_slot_and_its_tag_leaves_the_other_slot_whole(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = log_of(run)
    for epoch in (1, 2, 3):
        log.save(state(epoch))
    log_batch = MlflowClient.log_batch

    def refuses_tags(*arguments: Any, **options: Any) -> None:
        if "tags" in options:
            raise ConnectionError("unreachable")
        log_batch(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_batch", refuses_tags)
        for epoch in range(4, LAST):
            log.outbox._next_try = 0.0
            log.save(state(epoch))
            assert whole(uploaded(run)) == [3]
    log.outbox._next_try = 0.0
    log.save(state(LAST))
    assert whole(uploaded(run)) == [LAST, 3]


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"x")], ids=["missing", "damaged"])
def test_an_uploaded_slot_without_its_best_weights_is_damaged(run: Run, harm: Callable[[Path], object]) -> None:
    log = log_of(run)
    for epoch in (5, 6, 7, 8):
        log.save(state(epoch))
    newest, before = uploaded(run)
    assert before.best is None
    harm(Path(run.artifact_location("")) / CHECKPOINTS / newest.best.name)
    with pytest.raises(Damaged, match=rf"its best weights \({newest.best.name}\)"):
        newest.load()
    assert whole([newest, before]) == [7]


def test_a_slot_that_holds_its_best_weights_itself_as_earlier_versions_wrote_it_is_read(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINTS).mkdir()
    file = tmp_path / CHECKPOINTS / "slot-a.pt"
    torch.save(state(3), file)
    (found,) = uploaded_checkpoints("run", str(tmp_path), slot_tag("slot-a.pt", 3, file_sha256(file)))
    assert checked(found) == 3


def test_a_link_keeps_the_content_of_a_file_that_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("content")
    link_or_copy(tmp_path / "a", tmp_path / "b")
    (tmp_path / "a").unlink()
    assert (tmp_path / "b").read_text() == "content"


@pytest.mark.parametrize("number", [errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENOSYS, errno.EXDEV, errno.EMLINK])
def test_a_file_is_copied_where_there_are_no_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a").write_text("content")
    link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "content"


def test_tags_name_the_slots_the_newest_first_and_nonsense_names_none() -> None:
    best = WholeFile("best-b.pt", "c" * 64)
    tags = slot_tag("slot-a.pt", 3, "a" * 64) | slot_tag("slot-b.pt", 4, "b" * 64, best)
    found = uploaded_checkpoints("run", "artifacts", tags)
    assert [(slot.name, slot.epoch, slot.sha256, slot.best) for slot in found] == [
        ("slot-b.pt", 4, "b" * 64, best),
        ("slot-a.pt", 3, "a" * 64, None),
    ]
    assert uploaded_checkpoints("run", "artifacts", {"layerwise.checkpoint.slot-a": "epoch x sha256 y"}) == []
