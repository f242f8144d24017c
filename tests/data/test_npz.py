"""A data set as one .npz file: both shapes are read, and each kind of wrong file is refused with one line."""

import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data import DATASETS, DataError
from data.npz import find_npz, npz_dataset, read_npz
from data.prepared import prepare

Arrays = dict[str, Any]


def arrays(*, channels: int | None = None) -> Arrays:
    draws = np.random.default_rng(0)
    shape = (5, 4) if channels is None else (5, 4, channels)
    return {
        "x_train": draws.integers(0, 256, (6, *shape), dtype=np.uint8),
        "y_train": np.array([0, 1, 2, 0, 1, 2], dtype=np.uint8),
        "x_test": draws.integers(0, 256, (3, *shape), dtype=np.uint8),
        "y_test": np.array([2, 1, 0], dtype=np.uint8),
    }


class Trap:
    """An object that creates a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.mark,)


def refusal(path: Path, data_dir: Path) -> str:
    """Return the message that refuses a file."""
    with pytest.raises(DataError) as failure:
        prepare(npz_dataset(path), data_dir)
    assert "\n" not in str(failure.value)
    return str(failure.value)


def test_images_of_two_sizes_are_resized_to_one_and_refused_where_they_keep_theirs(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", **arrays() | {"x_test": np.zeros((3, 7, 6), np.uint8)})
    dataset = npz_dataset(tmp_path / "two.npz")
    assert prepare(dataset, tmp_path / "cache").x_test.shape == (3, 32, 32, 1)
    with pytest.raises(DataError, match="training images are 5 x 4, test images 7 x 6: give both one shape, or set im"):
        prepare(replace(dataset, image_size=None), tmp_path / "cache")


@pytest.mark.parametrize("channels", [None, 1, 3])
def test_valid_files_are_read(channels: int | None, tmp_path: Path) -> None:
    given = arrays(channels=channels)
    np.savez_compressed(tmp_path / "good.npz", **given, more=np.zeros(3))
    read = read_npz(tmp_path / "good.npz")
    assert read.x_train.shape == (6, 5, 4, channels or 1)
    for name, array in read._asdict().items():
        assert array.dtype == np.uint8
        assert array.tobytes() == given[name].tobytes()


def test_a_file_of_floats_channels_first_and_one_hot_labels_gives_the_tensors_of_uint8(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = arrays(channels=3)
    other = {
        "val_images": np.zeros(3),
        "train_images": (given["x_train"] / 255).astype(np.float32).transpose(0, 3, 1, 2),
        "train_labels": np.eye(3)[given["y_train"]],
        "test_images": (given["x_test"] / 255).transpose(0, 3, 1, 2),
        "test_labels": np.eye(3, dtype=bool)[given["y_test"]],
    }
    manifests = []
    for name, content in (("given", given), ("other", other)):
        np.savez(tmp_path / f"{name}.npz", **content)
        manifests.append(prepare(npz_dataset(tmp_path / f"{name}.npz"), tmp_path / "cache").manifest)
    assert manifests[0].digest == manifests[1].digest
    assert manifests[0].classes == manifests[1].classes
    assert len(caplog.messages) == 4  # the scale, the order of the axes of both parts, the part that is left out
    prepare(npz_dataset(tmp_path / "other.npz"), tmp_path / "cache")
    assert len(caplog.messages) == 4


def test_labels_1_to_3_make_three_classes_of_these_names(tmp_path: Path) -> None:
    given = arrays()
    np.savez(tmp_path / "given.npz", **given)
    np.savez(tmp_path / "shifted.npz", **given | {name: given[name] + 1 for name in ("y_train", "y_test")})
    zero, one = (prepare(npz_dataset(tmp_path / f"{name}.npz"), tmp_path) for name in ("given", "shifted"))
    assert (one.manifest.classes, one.manifest.labels, one.manifest.train_counts) == (
        ["1", "2", "3"],
        [1, 2, 3],
        [2] * 3,
    )
    assert one.y_train.tolist() == zero.y_train.tolist() == [0, 1, 2, 0, 1, 2]
    assert one.manifest.digest != zero.manifest.digest, "the classes have other names"


def test_data_set_of_a_file_has_its_name_and_no_augmentation(tmp_path: Path) -> None:
    np.savez(tmp_path / "My_Set.npz", **arrays())
    prepared = prepare(npz_dataset(tmp_path / "My_Set.npz"), tmp_path / "cache")
    assert (prepared.manifest.name, prepared.manifest.source) == ("My_Set", str(tmp_path / "My_Set.npz"))
    assert prepared.manifest.classes == ["0", "1", "2"]
    assert (prepared.padding, prepared.flip) == (0, False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_test": None}, "has no y_test"),
        ({"x_train": None, "x_test": None}, "has no x_train, x_test"),
        ({"x_train": np.zeros((6, 5, 4), np.float32)}, "x_train is float32, x_test is uint8: give both one type"),
        ({"x_train": np.full((6, 5, 4), 256)}, "of x_train from 256 to 256"),
        ({"y_train": np.full(6, -1)}, "y_train has a negative label -1"),
        ({"y_train": np.eye(3)[[0, 1, 2] * 2]}, "y_train has the shape (6, 3), y_test has the shape (3,)"),
        ({"x_train": np.zeros((6, 20), np.uint8)}, r"x_train has the shape (6, 20)"),
        ({"x_test": np.zeros((3, 5, 4, 2), np.uint8)}, "x_test has the shape (3, 5, 4, 2)"),
        ({"x_test": np.zeros((3, 5, 4, 1, 1), np.uint8)}, "x_test has the shape (3, 5, 4, 1, 1)"),
        ({"x_test": np.zeros((0, 5, 4), np.uint8), "y_test": np.zeros(0, np.uint8)}, "x_test has the shape (0, 5"),
        ({"y_train": np.zeros(5, np.uint8)}, "6 images but y_train has the shape (5,)"),
        ({"y_test": np.zeros((1, 3), np.uint8)}, "3 images but y_test has the shape (1, 3)"),
        ({"x_test": np.zeros((3, 5, 4, 3), np.uint8)}, "training images have 1 channels, test images 3"),
        ({"y_train": np.zeros(6, np.uint8), "y_test": np.zeros(3, np.uint8)}, "has only one class"),
        ({"y_test": np.array([0, 1, 3], np.uint8)}, "has test images with the label 3, which no training image has"),
    ],
)
def test_invalid_arrays_are_named(changes: Arrays, message: str, tmp_path: Path) -> None:
    given = {name: array for name, array in {**arrays(), **changes}.items() if array is not None}
    np.savez(tmp_path / "wrong.npz", **given)
    assert message in refusal(tmp_path / "wrong.npz", tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache" / "prepared").iterdir()] == ["wrong.lock"]


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 half a zip", pickle.dumps([1, 2])])
def test_a_file_that_is_not_npz_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "wrong.npz").write_bytes(content)
    assert "must be an .npz file with arrays x_train" in refusal(tmp_path / "wrong.npz", tmp_path / "cache")


@pytest.mark.parametrize("share", [0.3, 0.9, 0.99])
def test_a_truncated_file_is_refused(share: float, tmp_path: Path) -> None:
    path = tmp_path / "wrong.npz"
    np.savez_compressed(path, **arrays())
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert "cannot be read" in refusal(path, tmp_path / "cache")


def test_a_changed_byte_in_an_array_is_refused(tmp_path: Path) -> None:
    path, given = tmp_path / "wrong.npz", arrays()
    np.savez(path, **given)
    content = path.read_bytes()
    at = content.index(given["x_train"].tobytes())
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert "cannot be read" in refusal(path, tmp_path / "cache")


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "wrong.npz").open("wb") as file:
        np.save(file, np.zeros((6, 5, 4), np.uint8))
    assert "cannot be read" in refusal(tmp_path / "wrong.npz", tmp_path / "cache")


def test_a_zip_without_arrays_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "wrong.npz", "w") as archive:
        for name in arrays():
            archive.writestr(name, b"not an array")
    assert "x_train is |S12, not numbers" in refusal(tmp_path / "wrong.npz", tmp_path / "cache")


def test_objects_are_refused_and_not_unpickled(tmp_path: Path) -> None:
    trap = np.array([Trap(tmp_path / "sprung")] * 6, dtype=object)
    np.savez(tmp_path / "wrong.npz", **{**arrays(), "y_train": trap})
    assert "y_train holds Python objects, which are never unpickled: save numbers" in refusal(
        tmp_path / "wrong.npz", tmp_path / "cache"
    )
    assert not (tmp_path / "sprung").exists()
    np.load(tmp_path / "wrong.npz", allow_pickle=True)["y_train"]
    assert (tmp_path / "sprung").exists()


def test_a_missing_file_is_named_with_its_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert f"there is no file {tmp_path / 'gone.npz'}" in refusal(Path("gone.npz"), tmp_path / "cache")


@pytest.mark.parametrize(
    ("name", "file", "found"),
    [
        ("CIFAR-10", "cifar-10", True),
        ("CIFAR-10", "CIFAR10", True),
        ("CIFAR-10", "Cifar_10", True),
        ("CIFAR-10", "cifar-100", False),
        ("CIFAR-100", "cifar-100", True),
        ("FMNIST", "FashionMNIST", True),
        ("FMNIST", "fashion-mnist", True),
        ("FMNIST", "fmnist", True),
        ("FMNIST", "mnist", False),
        ("MNIST", "fmnist", False),
    ],
)
def test_a_registered_data_set_is_found_in_every_spelling(name: str, file: str, found: bool, tmp_path: Path) -> None:
    path = tmp_path / f"{file}.npz"
    path.touch()
    assert find_npz(DATASETS[name], tmp_path) == (path if found else None)


def test_a_file_given_by_its_path_is_not_looked_up_in_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "custom.npz").touch()
    assert find_npz(npz_dataset(Path("elsewhere/custom.npz")), tmp_path) is None
