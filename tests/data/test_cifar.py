"""CIFAR-10 and CIFAR-100 from small archives; a file with a wrong checksum is never unpickled."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torchvision.datasets import CIFAR10, CIFAR100

from data import DATASETS, DataError
from data.datasets import Images
from data.prepared import prepare

BOTH = pytest.mark.parametrize(("name", "original"), [("CIFAR-10", CIFAR10), ("CIFAR-100", CIFAR100)])


class Trap:
    """An object that creates a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.mark,)


def test_unpickling_the_trap_creates_its_file(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))
    assert (tmp_path / "sprung").exists()


@BOTH
def test_batches_are_read_in_order(
    name: str,
    original: type[CIFAR10],
    tmp_path: Path,
    make_images: Any,
    cifar_files: Any,
    write_batches: Any,
    equal: Any,
) -> None:
    images = make_images(32, 3)
    write_batches(original, cifar_files(original, images), tmp_path)
    assert equal(DATASETS[name].read(tmp_path), images)


@BOTH
def test_an_archive_is_read_and_no_unpacked_files_remain(
    name: str,
    original: type[CIFAR10],
    tmp_path: Path,
    make_images: Any,
    cifar_files: Any,
    write_archive: Any,
    equal: Any,
) -> None:
    images = make_images(32, 3)
    archive = write_archive(original, cifar_files(original, images), tmp_path)
    assert DATASETS[name].find(tmp_path) == [archive]
    assert equal(DATASETS[name].read(tmp_path), images)
    assert list(tmp_path.iterdir()) == [archive]


@BOTH
@pytest.mark.parametrize("which", ["first", "test", "meta"])
def test_a_batch_with_a_wrong_checksum_is_refused_before_unpickling(
    name: str,
    original: type[CIFAR10],
    which: str,
    tmp_path: Path,
    make_images: Any,
    cifar_files: Any,
    write_batches: Any,
) -> None:
    files = cifar_files(original, make_images(32, 3))
    victim = {
        "first": original.train_list[0][0],
        "test": original.test_list[0][0],
        "meta": original.meta["filename"],
    }[which]
    files[victim] = pickle.dumps(Trap(tmp_path / "sprung"))
    write_batches(original, files, tmp_path)
    with pytest.raises(DataError, match=f"{original.base_folder} is damaged.*delete it") as failure:
        prepare(DATASETS[name], tmp_path)
    assert "\n" not in str(failure.value)
    assert not (tmp_path / "sprung").exists()


@BOTH
def test_an_archive_with_a_wrong_checksum_is_not_unpacked(
    name: str, original: type[CIFAR10], tmp_path: Path, make_images: Any, cifar_files: Any, write_archive: Any
) -> None:
    files = cifar_files(original, make_images(32, 3))
    archive = write_archive(original, files, tmp_path)
    archive.write_bytes(archive.read_bytes()[:-1] + b"!")
    with pytest.raises(DataError, match=f"{original.filename} is damaged: delete it"):
        prepare(DATASETS[name], tmp_path)
    assert not (tmp_path / original.base_folder).exists()


def test_an_archive_with_a_changed_batch_is_not_unpickled(
    tmp_path: Path, make_images: Any, cifar_files: Any, write_archive: Any
) -> None:
    files = cifar_files(CIFAR10, make_images(32, 3))
    write_archive(CIFAR10, {**files, "data_batch_2": pickle.dumps(Trap(tmp_path / "sprung"))}, tmp_path)
    with pytest.raises(DataError, match="damaged"):
        DATASETS["CIFAR-10"].read(tmp_path)
    assert not (tmp_path / "sprung").exists()


def test_incomplete_batches_are_not_found(
    tmp_path: Path, make_images: Any, cifar_files: Any, write_batches: Any
) -> None:
    write_batches(CIFAR10, cifar_files(CIFAR10, make_images(32, 3)), tmp_path)
    (tmp_path / CIFAR10.base_folder / "data_batch_5").unlink()
    assert DATASETS["CIFAR-10"].find(tmp_path) == []


def test_folder_and_archive_have_the_same_digest(
    tmp_path: Path, make_images: Any, cifar_files: Any, write_archive: Any, write_batches: Any
) -> None:
    images: Images = make_images(32, 3)
    files = cifar_files(CIFAR10, images)
    (tmp_path / "packed").mkdir()
    write_archive(CIFAR10, files, tmp_path / "packed")
    write_batches(CIFAR10, files, tmp_path / "open")
    digests = {prepare(DATASETS["CIFAR-10"], tmp_path / at).manifest.digest for at in ("packed", "open")}
    assert len(digests) == 1
