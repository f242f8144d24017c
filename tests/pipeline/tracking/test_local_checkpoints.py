"""Checkpoints on the local disk: the two newest, with the best weights that they need."""

import errno
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.host.disk import DiskFull
from pipeline.tracking.checkpoints import Damaged
from pipeline.tracking.local_checkpoints import LocalCheckpoints, local_checkpoints


def state(epoch: int, best: int | None = None) -> dict[str, Any]:
    """Return the state after an epoch whose best one is itself, or an earlier one; weights are the epoch's number."""
    earlier = {} if best in (None, epoch) else {"model": {"w": torch.full((2,), float(best))}}
    return {"epoch": epoch, "model": {"w": torch.full((2,), float(epoch))}, "best": {"epoch": best or epoch} | earlier}


@pytest.fixture
def local(tmp_path: Path) -> LocalCheckpoints:
    return LocalCheckpoints(tmp_path / "run", "run")


def test_the_two_newest_are_kept_and_read_back(local: LocalCheckpoints) -> None:
    for epoch in (1, 2, 3):
        local.write(state(epoch))
    newest, before = local_checkpoints(local.folder, "run")
    assert (newest.epoch, before.epoch) == (3, 2)
    assert torch.equal(newest.load()["model"]["w"], torch.full((2,), 3.0))
    assert [path.suffix for path in local.folder.iterdir()] == [".pt", ".pt"]


def test_best_weights_are_written_once_and_kept_while_one_of_the_two_checkpoints_needs_them(
    local: LocalCheckpoints,
) -> None:
    stored = []
    for epoch, best in ((1, 1), (2, 1), (3, 1), (4, 4), (5, 4), (6, 4)):
        written = local.write(state(epoch, best))
        stored.append({path.name: path.stat().st_mtime_ns for path in local.folder.glob("best-*")})
        loaded = {each.epoch: each.load()["best"] for each in local_checkpoints(local.folder, "run")}
        assert loaded[epoch]["epoch"] == best
        assert (written.best is None) == ("model" not in loaded[epoch]) == (best == epoch)
        assert all(each["epoch"] == each["model"]["w"][0] for each in loaded.values() if "model" in each)
    assert list(map(len, stored)) == [0, 1, 1, 1, 1, 1]
    assert stored[1] == stored[2] == stored[3], "not written again, and the checkpoint of epoch 3 still needs them"
    assert stored[4] == stored[5] != stored[3]


def test_a_process_that_resumes_writes_the_best_weights_again_to_the_same_name(local: LocalCheckpoints) -> None:
    first = local.write(state(2, 1))
    again = LocalCheckpoints(local.folder, "run").write(state(3, 1))
    assert first.best == again.best
    assert len(list(local.folder.glob("best-*"))) == 1


def test_a_file_whose_content_is_not_that_of_its_name_is_damaged(local: LocalCheckpoints) -> None:
    written = local.write(state(2, 1))
    best = local.folder / written.best.name
    whole = best.read_bytes()
    best.write_bytes(b"x")
    with pytest.raises(Damaged, match=r"its best weights \(best-.*\): its sha256 differs"):
        written.load()
    best.unlink()
    with pytest.raises(Damaged, match=r"its best weights \(best-.*\): it cannot be read"):
        written.load()
    best.write_bytes(whole)
    assert written.load()["best"]["model"]["w"][0] == 1
    (local.folder / written.name).write_bytes(b"x")
    with pytest.raises(Damaged, match=r"^its sha256 differs"):
        written.load()


def test_files_of_later_epochs_before_which_training_has_resumed_are_deleted(local: LocalCheckpoints) -> None:
    for epoch in (8, 9, 10):
        (local.folder / local.write(state(epoch, 7)).name).write_bytes(b"")
    resumed = LocalCheckpoints(local.folder, "run")
    resumed.write(state(6, 5))
    resumed.write(state(7, 5))
    assert [each.load()["epoch"] for each in local_checkpoints(local.folder, "run")] == [7, 6]
    assert len(list(local.folder.iterdir())) == 3


def test_a_file_that_is_deleted_meanwhile_is_damaged(local: LocalCheckpoints) -> None:
    written = local.write(state(1))
    (local.folder / written.name).unlink()
    with pytest.raises(Damaged, match="cannot be read"):
        written.load()


@pytest.mark.parametrize(("full_at", "what"), [(1, "the best weights, of epoch 2"), (2, "the checkpoint of epoch 4")])
def test_a_full_disk_leaves_no_partial_file_and_the_older_checkpoints(
    local: LocalCheckpoints, monkeypatch: pytest.MonkeyPatch, full_at: int, what: str
) -> None:
    for epoch, best in ((2, 1), (3, 1)):
        local.write(state(epoch, best))
    writes, save = [], torch.save

    def fill(content: object, path: Path) -> None:
        writes.append(path)
        if len(writes) < full_at:
            return save(content, path)
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(torch, "save", fill)
    with pytest.raises(DiskFull, match=what):
        local.write(state(4, 2))
    assert [each.load()["best"]["model"]["w"][0] for each in local_checkpoints(local.folder, "run")] == [1, 1]
    assert not list(local.folder.glob("*.partial"))
    monkeypatch.undo()
    local.write(state(5, 2))
    assert len(list(local.folder.glob("best-*"))) == 2, "of the epochs 5 and 3"


def test_a_half_written_file_of_a_killed_process_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.partial").write_bytes(b"x")
    assert local_checkpoints(tmp_path, "a") == []
    assert local_checkpoints(tmp_path / "missing", "a") == []
