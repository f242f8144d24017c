"""Checkpoints on the local disk and in the slots of a run; snapshots at the numbers of Fibonacci."""

import errno
import os
from pathlib import Path

import pytest
import torch

from pipeline.host.disk import DiskFull
from pipeline.tracking.checkpoints import (
    Damaged,
    link_or_copy,
    local_checkpoints,
    slot_tag,
    uploaded_checkpoints,
    write_local,
)
from pipeline.tracking.snapshots import snapshot_of


def test_the_two_newest_are_kept_and_read_back(tmp_path: Path) -> None:
    for epoch in (1, 2, 3):
        write_local(tmp_path, "a", {"epoch": epoch, "weights": torch.full((2,), float(epoch))})
    newest, before = local_checkpoints(tmp_path, "a")
    assert (newest.epoch, before.epoch) == (3, 2)
    assert torch.equal(newest.load()["weights"], torch.full((2,), 3.0))
    assert [path.suffix for path in tmp_path.iterdir()] == [".pt", ".pt"]


def test_a_file_whose_content_is_not_that_of_its_name_is_damaged(tmp_path: Path) -> None:
    written = write_local(tmp_path, "a", {"epoch": 1})
    (tmp_path / written.name).write_bytes(b"x")
    with pytest.raises(Damaged, match="its sha256 differs"):
        written.load()


def test_files_of_later_epochs_before_which_training_has_resumed_are_deleted(tmp_path: Path) -> None:
    for epoch in (8, 9, 10):
        (tmp_path / write_local(tmp_path, "a", {"epoch": epoch}).name).write_bytes(b"")
    write_local(tmp_path, "a", {"epoch": 6})
    write_local(tmp_path, "a", {"epoch": 7})
    assert [each.load()["epoch"] for each in local_checkpoints(tmp_path, "a")] == [7, 6]


def test_a_file_that_is_deleted_meanwhile_is_damaged(tmp_path: Path) -> None:
    written = write_local(tmp_path, "a", {"epoch": 1})
    (tmp_path / written.name).unlink()
    with pytest.raises(Damaged, match="cannot be read"):
        written.load()


def test_a_failed_write_leaves_no_partial_file_and_the_older_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_local(tmp_path, "a", {"epoch": 1})

    def fill(_state: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(torch, "save", fill)
    with pytest.raises(DiskFull):
        write_local(tmp_path, "a", {"epoch": 2})
    assert [each.epoch for each in local_checkpoints(tmp_path, "a")] == [1]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_half_written_file_of_a_killed_process_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.partial").write_bytes(b"x")
    assert local_checkpoints(tmp_path, "a") == []
    assert local_checkpoints(tmp_path / "missing", "a") == []


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
    tags = slot_tag("slot-a.pt", 3, "a" * 64) | slot_tag("slot-b.pt", 4, "b" * 64)
    found = uploaded_checkpoints("run", "artifacts", tags)
    assert [(slot.name, slot.epoch, slot.sha256) for slot in found] == [
        ("slot-b.pt", 4, "b" * 64),
        ("slot-a.pt", 3, "a" * 64),
    ]
    assert uploaded_checkpoints("run", "artifacts", {"layerwise.checkpoint.slot-a": "epoch x sha256 y"}) == []


def test_snapshots_are_taken_at_the_numbers_of_fibonacci() -> None:
    assert [epoch for epoch in range(1, 60) if snapshot_of(epoch)] == [1, 2, 3, 5, 8, 13, 21, 34, 55]
    assert snapshot_of(13) == "weights-0013.pt"
