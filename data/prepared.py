"""Prepared data sets: uint8 tensors of 32 x 32 images on disk, whose checksums are verified on every use."""

import hashlib
import logging
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from data.datasets import Array, DataError, DataSet, Images, plain
from data.labels import number_classes
from data.manifest import DAMAGED, MANIFEST, Manifest, damaged_file, file_sha256, read_manifest
from data.moments import moments_of
from data.sources import locate

SIZE = 32
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Images, uint8, N x 32 x 32 x channels, and labels, uint8, N, memory-mapped from disk."""

    manifest: Manifest
    padding: int
    flip: bool
    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor


def prepare(dataset: DataSet, data_dir: Path) -> Prepared:
    """Return the prepared data set; prepare it if it is missing or damaged. Raise DataError; create `data_dir`."""
    folder = data_dir / "prepared"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{plain(dataset.name)}.lock").acquire()
    except OSError as error:
        raise DataError(f"the folder {folder} cannot be written ({error}): name another with data_dir") from error
    with lock:
        source = locate(dataset, data_dir)
        fingerprint = _fingerprint(source.files)
        kind = "" if dataset.classes else "-numbered"  # one file can serve with named classes and without
        exact = hashlib.sha256(f"{dataset.name} {fingerprint}".encode()).hexdigest()  # h.npz and H.npz may be equal
        target = folder / f"{plain(dataset.name)}{kind}-{exact[:12]}"
        fault = _fault(dataset, target) if target.exists() else "nothing there"
        if fault:
            if target.exists():
                log.warning("%s: preparing %s again", fault, dataset.name)
            _make(dataset, source.read(), target, source=source.name, source_sha256=fingerprint)
        return _open(dataset, target)


def prepared_names(data_dir: Path) -> set[str]:
    """Return the names of the prepared data sets; the checksums of their tensors are not computed."""
    names = set()
    for path in data_dir.glob(f"prepared/*/{MANIFEST}"):
        with suppress(*DAMAGED):
            names.add(read_manifest(path.parent).name)
    return names


def _fault(dataset: DataSet, target: Path) -> str:
    """Return why a prepared data set cannot be used; an empty text if it can."""
    if damaged := damaged_file(target):
        return f"{target / damaged} is damaged"
    gaps = not dataset.classes and 0 in read_manifest(target).train_counts  # labels 1 to 10 once made 11 classes
    return f"{target} has classes without images" if gaps else ""


def _make(dataset: DataSet, images: Images, target: Path, **origin: str) -> None:
    images, classes, labels = number_classes(dataset, images)
    aside = target.with_name(f"{target.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    resized = images._replace(x_train=_resize(images.x_train), x_test=_resize(images.x_test))
    for name, array in resized._asdict().items():
        np.save(aside / f"{name}.npy", array)
    mean, std = moments_of(resized.x_train)
    manifest = Manifest(
        name=dataset.name,
        classes=classes,
        shape=list(resized.x_train.shape[1:]),
        train_counts=np.bincount(images.y_train, minlength=len(classes)).tolist(),
        test_counts=np.bincount(images.y_test, minlength=len(classes)).tolist(),
        mean=list(mean),
        std=list(std),
        sha256={name: file_sha256(aside / f"{name}.npy") for name in Images._fields},
        labels=labels,
        **origin,
    )
    (aside / MANIFEST).write_text(manifest.to_json())
    shutil.rmtree(target, ignore_errors=True)
    aside.rename(target)


def _resize(images: Array) -> Array:
    if images.shape[1:3] == (SIZE, SIZE):
        return np.ascontiguousarray(images)  # equal data give equal files, whatever their order in memory
    channels_first = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
    resized: Tensor = transforms.resize(
        channels_first, [SIZE, SIZE], interpolation=transforms.InterpolationMode.BILINEAR, antialias=True
    )
    return np.ascontiguousarray(resized.permute(0, 2, 3, 1).numpy())


def _open(dataset: DataSet, folder: Path) -> Prepared:
    tensors = {name: torch.from_numpy(_map(folder / f"{name}.npy")) for name in Images._fields}
    return Prepared(manifest=read_manifest(folder), padding=dataset.padding, flip=dataset.flip, **tensors)


def _map(path: Path) -> NDArray[np.uint8]:
    mapped: NDArray[np.uint8] = np.load(path, mmap_mode="c")
    return mapped


def _fingerprint(files: Sequence[Path]) -> str:
    """Return the checksum of a file, or a checksum of the checksums of several."""
    try:
        sums = [file_sha256(path) for path in files]
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read ({error.strerror}): fix or remove it") from error
    return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()
