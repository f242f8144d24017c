"""Prepared data sets: the manifest by hand, resizing against PIL, and that damaged sets are never used."""

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import functional as transforms

from data import DATASETS, DataError, DataSet, resizing
from data.datasets import Images
from data.manifest import MANIFEST, Manifest, prepared_names
from data.npz import npz_dataset
from data.prepared import Prepared, prepare
from data.resizing import write_images

ROOT = Path(__file__).parents[2]


def folder_of(dataset: DataSet, data_dir: Path) -> Path:
    (folder,) = (path for path in (data_dir / "prepared").iterdir() if path.is_dir())
    assert folder.name.startswith(f"{dataset.name}-")
    return folder


def arrays(prepared: Prepared) -> Images:
    return Images(*(getattr(prepared, name).numpy() for name in Images._fields))


def pil_resized(images: Any) -> Any:
    """Resize N x H x W x channels to 32 x 32, one by one, with PIL."""
    pictures = [Image.fromarray(image.squeeze()) for image in images]
    resized = [np.asarray(transforms.resize(picture, [32, 32])) for picture in pictures]
    return np.stack(resized).reshape(len(images), 32, 32, -1)


def refuse(_data_dir: Path) -> Images:
    raise AssertionError("the source is read again")


@pytest.fixture
def tiny(make_images: Any, npz_of: Any) -> DataSet:
    """A data set of one .npz file."""
    dataset: DataSet = npz_of(make_images())
    return dataset


def test_manifest_agrees_with_computation_by_hand(tmp_path: Path, tiny: DataSet, make_images: Any) -> None:
    given = make_images()
    prepared = prepare(tiny, tmp_path)
    manifest, folder = prepared.manifest, folder_of(tiny, tmp_path)
    assert manifest.train_counts == [4, 4, 4]
    assert manifest.test_counts == [2, 2, 2]
    assert manifest.shape == [32, 32, 1]
    assert manifest.source == str(tmp_path / "tiny.npz")
    assert manifest.source_sha256 == hashlib.sha256((tmp_path / "tiny.npz").read_bytes()).hexdigest()
    scaled = pil_resized(given.x_train) / 255
    assert manifest.mean == pytest.approx([scaled.mean()], abs=1 / 255)
    assert manifest.std == pytest.approx([scaled.std()], abs=1 / 255)
    stored = np.load(folder / "x_train.npy").astype(np.float64) / 255
    assert manifest.mean == pytest.approx([stored.mean()], rel=1e-12)
    assert manifest.std == pytest.approx([stored.std()], rel=1e-9)
    sums = {name: hashlib.sha256((folder / f"{name}.npy").read_bytes()).hexdigest() for name in Images._fields}
    assert manifest.sha256 == sums
    written = json.loads((folder / MANIFEST).read_text())
    assert written.pop("digest") == manifest.digest
    assert written.pop("checksum")
    assert Manifest(**written) == manifest


def test_manifest_has_the_moments_of_each_channel(tmp_path: Path, make_images: Any, npz_of: Any) -> None:
    images = make_images(32, 3)
    images.x_train[..., 0] = 51
    images.x_train[..., 1] = np.arange(32) % 2 * 255
    manifest = prepare(npz_of(images), tmp_path).manifest
    assert manifest.mean[:2] == pytest.approx([0.2, 0.5])
    assert manifest.std[:2] == pytest.approx([1.0, 0.5])
    assert manifest.std[2] == pytest.approx((images.x_train[..., 2] / 255).std())


def test_a_class_without_images_is_counted(tmp_path: Path, make_images: Any, write_idx: Any) -> None:
    write_idx(make_images(), tmp_path / "MNIST" / "raw")
    manifest = prepare(DATASETS["MNIST"], tmp_path).manifest
    assert manifest.train_counts == [4, 4, 4, *[0] * 7]
    assert manifest.test_counts == [2, 2, 2, *[0] * 7]


@pytest.mark.parametrize("size", [8, 30, 64, None])
def test_sizes_of_a_data_set_lie_side_by_side(
    size: int | None, tmp_path: Path, tiny: DataSet, make_images: Any
) -> None:
    default, sized = (prepare(each, tmp_path) for each in (tiny, dataclasses.replace(tiny, image_size=size)))
    height = size or make_images().x_train.shape[1]
    assert sized.manifest.shape == [height, height, 1]
    assert sized.x_train.shape == (12, height, height, 1)
    assert sized.manifest.digest != default.manifest.digest
    again = [prepare(dataclasses.replace(tiny, image_size=each, read=refuse), tmp_path) for each in (32, size)]
    assert [each.manifest for each in again] == [default.manifest, sized.manifest]
    assert prepared_names(tmp_path, image_size=32) == {"tiny"}
    assert prepared_names(tmp_path, image_size=height) == {"tiny"}
    assert prepared_names(tmp_path, image_size=40) == set()


def test_images_that_keep_their_size_are_not_changed_even_if_oblong(
    tmp_path: Path, make_images: Any, npz_of: Any, equal: Any
) -> None:
    images = make_images(27, 3)
    oblong = images._replace(x_train=images.x_train[:, :20], x_test=images.x_test[:, :20])
    prepared = prepare(dataclasses.replace(npz_of(oblong), image_size=None), tmp_path)
    assert equal(arrays(prepared), oblong)
    assert prepared.manifest.shape == [20, 27, 3]
    assert prepared.manifest.image_size == (20, 27)


@pytest.mark.parametrize("block", [1, 2 * 40 * 40, 1_000_000])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_written_block_by_block_as_numpy_saves_them(
    block: int, channels: int, tmp_path: Path, make_images: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, whole = make_images(28, channels).x_train, tmp_path / "whole.npy"
    shape = (len(images), 40, 40, channels)
    write_images(whole, images, shape)
    monkeypatch.setattr(resizing, "BLOCK", block)
    write_images(tmp_path / "blocks.npy", images, shape)
    np.save(tmp_path / "saved.npy", np.load(whole))
    contents = [(tmp_path / f"{name}.npy").read_bytes() for name in ("whole", "blocks", "saved")]
    assert contents[0] == contents[1] == contents[2]


def test_images_that_do_not_fit_on_the_disk_are_refused_before_they_are_written(
    tmp_path: Path, tiny: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=10**6))
    prepare(tiny, tmp_path)
    with pytest.raises(
        DataError, match=r"tiny takes 0.0 GB at image_size=500, and .*choose a smaller image_size"
    ) as error:
        prepare(dataclasses.replace(tiny, image_size=500), tmp_path)
    assert "\n" not in str(error.value)
    assert [path.name[:5] for path in (tmp_path / "prepared").iterdir() if path.is_dir()] == ["tiny-"]


@pytest.mark.parametrize(("size", "padding"), [(8, 1), (32, 4), (36, 4), (64, 8), (224, 28), (None, 4)])
def test_the_padding_of_crops_grows_with_the_images(
    size: int | None, padding: int, tmp_path: Path, tiny: DataSet
) -> None:
    assert prepare(dataclasses.replace(tiny, padding=4, image_size=size), tmp_path).padding == padding


@pytest.mark.parametrize(("size", "channels", "levels"), [(28, 1, 1), (8, 1, 1), (20, 3, 1), (40, 3, 2), (97, 3, 2)])
def test_resizing_agrees_with_pil_within_one_or_two_grey_levels(
    size: int, channels: int, levels: int, tmp_path: Path, make_images: Any, npz_of: Any
) -> None:
    images = make_images(size, channels)
    prepared = prepare(npz_of(images), tmp_path)
    for part in ("x_train", "x_test"):
        difference = np.abs(getattr(prepared, part).numpy().astype(int) - pil_resized(getattr(images, part)))
        assert difference.max() <= levels
        assert (difference > 1).mean() < 0.001


def test_images_of_32_x_32_are_not_changed(tmp_path: Path, make_images: Any, npz_of: Any, equal: Any) -> None:
    images = make_images(32, 3)
    prepared = prepare(npz_of(images), tmp_path)
    assert equal(arrays(prepared), images)
    assert prepared.x_train.dtype == prepared.y_train.dtype == torch.uint8


def test_a_manifest_of_an_earlier_version_has_the_same_digest(tmp_path: Path, tiny: DataSet) -> None:
    manifest, path = prepare(tiny, tmp_path).manifest, folder_of(tiny, tmp_path) / MANIFEST
    fields = dataclasses.asdict(manifest)
    del fields["labels"]
    sums = [
        hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
        for value in (manifest.sha256, fields)
    ]
    path.write_text(json.dumps({**fields, "digest": sums[0], "checksum": sums[1]}))
    assert prepare(tiny, tmp_path).manifest == manifest
    assert manifest.digest == sums[0]


def test_equal_data_from_different_files_have_the_same_digest(
    tmp_path: Path, make_images: Any, npz_of: Any, write_idx: Any
) -> None:
    images = make_images()
    write_idx(images, tmp_path / "MNIST" / "raw")
    from_idx = prepare(DATASETS["MNIST"], tmp_path).manifest
    from_npz = prepare(npz_of(images, tmp_path / "custom.npz"), tmp_path).manifest
    assert from_idx.digest == from_npz.digest
    assert from_idx.source_sha256 != from_npz.source_sha256
    images.y_test[0] = 2
    assert prepare(npz_of(images, tmp_path / "custom.npz"), tmp_path).manifest.digest != from_npz.digest


def test_memory_order_of_an_array_does_not_change_the_digest(
    tmp_path: Path, make_images: Any, npz_of: Any, equal: Any
) -> None:
    images = make_images(32, 3)
    turned = images._replace(x_train=np.asfortranarray(images.x_train), x_test=np.asfortranarray(images.x_test))
    prepared = [prepare(npz_of(given, tmp_path / "custom.npz"), tmp_path) for given in (images, turned)]
    assert prepared[0].manifest.digest == prepared[1].manifest.digest
    assert prepared[0].manifest.source_sha256 != prepared[1].manifest.source_sha256
    assert equal(arrays(prepared[1]), images)


def test_a_second_use_does_not_read_the_source_again(tmp_path: Path, tiny: DataSet, equal: Any) -> None:
    first = prepare(tiny, tmp_path)
    times = {path: path.stat().st_mtime_ns for path in folder_of(tiny, tmp_path).iterdir()}
    again = prepare(dataclasses.replace(tiny, read=refuse), tmp_path)
    assert {path: path.stat().st_mtime_ns for path in folder_of(tiny, tmp_path).iterdir()} == times
    assert again.manifest == first.manifest
    assert equal(arrays(again), arrays(first))


def test_writing_to_the_tensors_does_not_change_the_files(
    tmp_path: Path, tiny: DataSet, caplog: pytest.LogCaptureFixture
) -> None:
    prepared = prepare(tiny, tmp_path)
    prepared.x_train.zero_()
    assert prepare(tiny, tmp_path).x_train.any()
    assert caplog.messages == []


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def other_mean(path: Path) -> None:
    fields = json.loads(path.read_text())
    path.write_text(json.dumps(fields | {"mean": [0.5]}))


def other_digest(path: Path) -> None:
    path.write_text(path.read_text().replace('"digest": "', '"digest": "0'))


def without_a_sum(path: Path) -> None:
    fields = json.loads(path.read_text())
    fields["sha256"].pop("y_test")
    path.write_text(json.dumps({**fields, "digest": None}))


@pytest.mark.parametrize(
    ("file", "harm"),
    [
        ("x_train.npy", flip_a_byte),
        ("y_test.npy", flip_a_byte),
        ("x_test.npy", Path.unlink),
        ("y_train.npy", lambda path: path.write_bytes(path.read_bytes()[:-3])),
        (MANIFEST, Path.unlink),
        (MANIFEST, lambda path: path.write_text("")),
        (MANIFEST, lambda path: path.write_text(path.read_text()[:100])),
        (MANIFEST, lambda path: path.write_text("null")),
        (MANIFEST, lambda path: path.write_text("{}")),
        (MANIFEST, lambda path: path.write_bytes(b"\xff\xfe")),
        (MANIFEST, other_digest),
        (MANIFEST, other_mean),
        (MANIFEST, without_a_sum),
    ],
)
def test_a_damaged_file_is_named_and_the_set_prepared_again(
    file: str,
    harm: Callable[[Path], object],
    tmp_path: Path,
    tiny: DataSet,
    equal: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = prepare(tiny, tmp_path)
    expected = Images(*(array.copy() for array in arrays(first)))
    damaged = folder_of(tiny, tmp_path) / file
    harm(damaged)
    again = prepare(tiny, tmp_path)
    assert caplog.messages == [f"{damaged} is damaged: preparing tiny again"]
    assert again.manifest == first.manifest
    assert equal(arrays(again), expected)
    prepare(tiny, tmp_path)
    assert len(caplog.messages) == 1


def test_a_set_numbered_with_gaps_by_an_earlier_version_is_prepared_again(
    tmp_path: Path, make_images: Any, npz_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    images = make_images()
    tiny = npz_of(images._replace(y_train=images.y_train + 1, y_test=images.y_test + 1))
    manifest = prepare(tiny, tmp_path).manifest
    folder = folder_of(tiny, tmp_path)
    gaps = dataclasses.replace(manifest, classes=["0", *manifest.classes], train_counts=[0, *manifest.train_counts])
    (folder / MANIFEST).write_text(gaps.to_json())
    caplog.clear()
    assert prepare(tiny, tmp_path).manifest == manifest
    assert caplog.messages[0] == f"{folder} has classes without images: preparing tiny again"


@pytest.mark.parametrize("error", [OSError("the disk is full"), KeyboardInterrupt()])
def test_a_crash_while_preparing_leaves_no_set_that_is_used(
    error: BaseException,
    tmp_path: Path,
    tiny: DataSet,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    save, saved = np.save, []

    def second_fails(path: Path, array: Any) -> None:
        saved.append(path)
        if len(saved) == 2:
            raise error
        save(path, array)

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", second_fails)
        with pytest.raises(type(error)):
            prepare(tiny, tmp_path)
    assert len(saved) == 2
    assert not list((tmp_path / "prepared").rglob(MANIFEST))
    prepared = prepare(tiny, tmp_path)
    assert caplog.messages == []
    assert prepared.manifest.train_counts == [4, 4, 4]
    assert {path.name for path in folder_of(tiny, tmp_path).iterdir()} == {
        MANIFEST,
        *(f"{name}.npy" for name in Images._fields),
    }


def test_names_that_differ_after_a_dot_have_different_folders(
    tmp_path: Path, make_images: Any, npz_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = [npz_of(make_images(), tmp_path / f"set.{letter}.npz") for letter in "ab"]
    folders = []

    def fail(path: Path, _array: Any) -> None:
        folders.append(path.parent)
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "save", fail)
    for dataset in datasets:
        with pytest.raises(KeyboardInterrupt):
            prepare(dataset, tmp_path)
    assert folders[0] != folders[1]


OTHER_PROCESS = """
import dataclasses, sys, time
from pathlib import Path
from data.npz import npz_dataset
from data.prepared import prepare
folder = Path(sys.argv[1])
dataset = npz_dataset(folder / "tiny.npz")
def slowly(data_dir):
    (folder / "read-there").touch()
    time.sleep(0.5)
    return dataset.read(data_dir)
(folder / "ready").touch()
sys.stdin.readline()
prepared = prepare(dataclasses.replace(dataset, read=slowly), folder)
print(prepared.manifest.digest, int(prepared.x_train.long().sum()))
"""


def test_two_processes_at_once_prepare_the_set_once(tmp_path: Path, tiny: DataSet, popen: Any) -> None:
    def slowly(data_dir: Path) -> Images:
        (tmp_path / "read-here").touch()
        time.sleep(0.5)
        return tiny.read(data_dir)

    other = popen(
        *(sys.executable, "-c", OTHER_PROCESS, tmp_path),
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    while not (tmp_path / "ready").exists() and other.poll() is None:
        time.sleep(0.02)
    other.stdin.write("go\n")
    other.stdin.flush()
    prepared = prepare(dataclasses.replace(tiny, read=slowly), tmp_path)
    output, _ = other.communicate(timeout=600)
    assert other.returncode == 0
    assert output == f"{prepared.manifest.digest} {int(prepared.x_train.long().sum())}\n"
    assert len(list(tmp_path.glob("read-*"))) == 1


def test_a_changed_source_is_prepared_again(tmp_path: Path, tiny: DataSet, make_images: Any, npz_of: Any) -> None:
    before = prepare(tiny, tmp_path)
    npz_of(make_images(train=9, seed=1))
    after = prepare(tiny, tmp_path)
    assert (len(before.x_train), len(after.x_train)) == (12, 9)
    assert after.manifest.train_counts == [3, 3, 3]


def test_a_missing_data_folder_is_created(tmp_path: Path, tiny: DataSet) -> None:
    prepare(tiny, tmp_path / "not" / "yet")
    assert (tmp_path / "not" / "yet" / "prepared").is_dir()


@pytest.mark.parametrize("below", ["file", "file/below"])
def test_a_data_folder_that_cannot_be_created_raises_one_line(below: str, tmp_path: Path, tiny: DataSet) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=rf"the folder {tmp_path / below}/prepared cannot .*data_dir") as failure:
        prepare(tiny, tmp_path / below)
    assert "\n" not in str(failure.value)


def test_a_data_folder_that_cannot_be_written_raises_one_line(tmp_path: Path, tiny: DataSet) -> None:
    (tmp_path / "prepared" / "tiny.lock").mkdir(parents=True)
    with pytest.raises(DataError, match=r"prepared cannot be written .*data_dir"):
        prepare(tiny, tmp_path)


def test_a_missing_file_raises_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        prepare(npz_dataset(tmp_path / "gone.npz"), tmp_path)
    assert list(tmp_path.iterdir()) == []
