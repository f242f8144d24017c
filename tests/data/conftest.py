"""Small data sets in each of the original formats."""

import gzip
import hashlib
import io
import pickle
import tarfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
from torchvision.datasets import CIFAR10

from data import DataSet
from data.datasets import Images
from data.mnist import FILES
from data.npz import npz_dataset

MakeImages = Callable[..., Images]


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture
def make_images() -> MakeImages:
    """Return a maker of random images: 12 to train and 6 to test, with the labels 0, 1, 2, 0, ..."""

    def make(size: int = 28, channels: int = 1, *, train: int = 12, test: int = 6, seed: int = 0) -> Images:
        draws = np.random.default_rng(seed)

        def part(count: int) -> tuple[Any, Any]:
            pixels = draws.integers(0, 256, (count, size, size, channels), dtype=np.uint8)
            return pixels, (np.arange(count) % 3).astype(np.uint8)

        return Images(*part(train), *part(test))

    return make


@pytest.fixture
def npz_of(tmp_path: Path) -> Callable[..., DataSet]:
    """Return a function that writes images to a file and returns the data set of that file."""

    def write(images: Images, path: Path | None = None) -> DataSet:
        path = path or tmp_path / "tiny.npz"
        np.savez(path, **images._asdict())
        return npz_dataset(path)

    return write


@pytest.fixture
def idx_files() -> Callable[[Images], dict[str, bytes]]:
    """Return an encoder of grey images in MNIST's format: {file name: bytes}."""

    def encode(array: Any) -> bytes:
        sizes = np.array(array.shape, dtype=">i4").tobytes()
        return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()

    def encode_all(images: Images) -> dict[str, bytes]:
        arrays = (images.x_train[..., 0], images.y_train, images.x_test[..., 0], images.y_test)
        return {name: encode(array) for name, array in zip(FILES, arrays, strict=True)}

    return encode_all


@pytest.fixture
def write_idx(idx_files: Callable[[Images], dict[str, bytes]]) -> Callable[..., None]:
    """Return a writer of MNIST's files into a folder, packed or not."""

    def write(images: Images, folder: Path, *, packed: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in idx_files(images).items():
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
            else:
                (folder / name).write_bytes(content)

    return write


@pytest.fixture
def cifar_files(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[CIFAR10], Images], dict[str, bytes]]:
    """Return an encoder of CIFAR's batches, {file name: bytes}; torchvision's checksums are patched to match."""

    def batch(original: type[CIFAR10], pixels: Any, labels: Any) -> bytes:
        key = "labels" if original is CIFAR10 else "fine_labels"
        rows = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).reshape(len(pixels), -1)
        return pickle.dumps({"data": rows, key: labels.tolist()})

    def encode(original: type[CIFAR10], images: Images) -> dict[str, bytes]:
        names = [name for name, _sum in original.train_list]
        shares = zip(
            np.array_split(images.x_train, len(names)), np.array_split(images.y_train, len(names)), strict=True
        )
        train = {name: batch(original, *share) for name, share in zip(names, shares, strict=True)}
        test = {original.test_list[0][0]: batch(original, images.x_test, images.y_test)}
        meta = pickle.dumps({original.meta["key"]: ["a", "b"]})
        monkeypatch.setattr(original, "train_list", [[name, md5(content)] for name, content in train.items()])
        monkeypatch.setattr(original, "test_list", [[name, md5(content)] for name, content in test.items()])
        monkeypatch.setattr(original, "meta", {**original.meta, "md5": md5(meta)})
        return {**train, **test, original.meta["filename"]: meta}

    return encode


@pytest.fixture
def write_batches() -> Callable[..., None]:
    """Return a writer of CIFAR's batches as the folder that the archive unpacks to."""

    def write(original: type[CIFAR10], files: dict[str, bytes], data_dir: Path) -> None:
        (data_dir / original.base_folder).mkdir(parents=True)
        for name, content in files.items():
            (data_dir / original.base_folder / name).write_bytes(content)

    return write


@pytest.fixture
def write_archive(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a writer of CIFAR's batches as one .tar.gz; torchvision's checksum is patched to match."""

    def write(original: type[CIFAR10], files: dict[str, bytes], data_dir: Path) -> Path:
        archive = data_dir / original.filename
        with tarfile.open(archive, "w:gz") as tar:
            for name, content in files.items():
                entry = tarfile.TarInfo(f"{original.base_folder}/{name}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        monkeypatch.setattr(original, "tgz_md5", md5(archive.read_bytes()))
        return archive

    return write


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make every request fail; return the list of requested addresses."""
    asked: list[str] = []

    def refuse(request: urllib.request.Request, *_args: object, **_options: object) -> None:
        asked.append(request.full_url)
        raise URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    return asked


@pytest.fixture
def equal() -> Callable[[Images, Images], bool]:
    """Return a comparison of images, bit by bit."""
    return lambda left, right: all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))
