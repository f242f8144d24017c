"""Prepared data sets: uint8 tensors of images of one size on disk, whose checksums are verified on every use."""

import hashlib
import logging
import os
import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from torch import Tensor

from data.datasets import SIZE, DataError, DataSet, Images, plain
from data.labels import number_classes
from data.manifest import MANIFEST, PREPARED, Manifest, damaged_file, file_sha256, read_manifest
from data.moments import moments_of
from data.resizing import prepared_shapes, refuse_full_disk, write_images
from data.sharing import is_open, make_shared, mode_of_files, share
from data.sources import Source, find_source, locate

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Images, uint8, N x height x width x channels, and labels, uint8, N, memory-mapped from disk.

    `padding`, in pixels, is for crops of images of this size.
    """

    manifest: Manifest
    padding: int
    flip: bool
    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor


def prepare(dataset: DataSet, *folders: Path) -> Prepared:
    """Return the prepared data set; prepare it if it is missing or damaged. Raise DataError.

    All data folders are searched. What is prepared and whole is opened without a lock, and nothing is written; else the
    last folder, which is created, gets what is missing.
    """
    try:
        source = find_source(dataset, *folders)
        prepared = _find(dataset, source, folders) if source else None
        if not prepared:
            with _lock(dataset, folders[-1] / PREPARED):
                source = source or locate(dataset, *folders)
                prepared = _find(dataset, source, folders) or _make(dataset, source, folders)
        return _open(dataset, prepared)
    except PermissionError as error:
        raise DataError(
            f"{error.filename} is closed to this user ({error.strerror}): have its permissions changed, or name "
            "another folder with data_dir"
        ) from error


def _lock(dataset: DataSet, folder: Path) -> AbstractContextManager[object]:
    """Lock a data set; everybody who may write to the folder can have the lock, whoever has created it."""
    path = folder / f"{plain(dataset.name)}.lock"
    try:
        make_shared(folder)
        return FileLock(path, mode=mode_of_files(folder)).acquire()
    except OSError as error:
        if path.is_file() and os.access(folder, os.W_OK):
            reason = f"{path} cannot be opened ({error.strerror}): delete it if nobody prepares {dataset.name} now"
            raise DataError(f"{reason}, or name another folder with data_dir") from error
        raise DataError(f"the folder {folder} cannot be written ({error}): name another with data_dir") from error


def _targets(dataset: DataSet, source: Source, folders: Sequence[Path]) -> list[Path]:
    """Return where the data set is prepared, or would be, in each data folder."""
    kind = "" if dataset.classes else "-numbered"  # one file can serve with named classes and without
    if dataset.image_size != SIZE:  # the sizes of a data set lie side by side
        kind += f"-{dataset.image_size or 'unresized'}"
    exact = hashlib.sha256(f"{dataset.name} {source.fingerprint}".encode()).hexdigest()  # h.npz, H.npz may be equal
    return [folder / PREPARED / f"{plain(dataset.name)}{kind}-{exact[:12]}" for folder in folders]


def _find(dataset: DataSet, source: Source, folders: Sequence[Path]) -> Path | None:
    targets = (target for target in _targets(dataset, source, folders) if is_open(target))
    return next((target for target in targets if not _fault(dataset, target)), None)


def _fault(dataset: DataSet, target: Path) -> str:
    """Return why a prepared data set cannot be used; an empty text if it can."""
    if damaged := damaged_file(target):
        path = target / damaged
        closed = os.access(path, os.F_OK) and not os.access(path, os.R_OK)
        return f"{path} is {'closed to this user' if closed else 'damaged'}"
    gaps = not dataset.classes and 0 in read_manifest(target).train_counts  # labels 1 to 10 once made 11 classes
    return f"{target} has classes without images" if gaps else ""


def _make(dataset: DataSet, source: Source, folders: Sequence[Path]) -> Path:
    """Prepare a data set in the last data folder, in place of what is damaged there."""
    *_others, target = targets = _targets(dataset, source, folders)
    for faulty in filter(is_open, targets):
        log.warning("%s: preparing %s again", _fault(dataset, faulty), dataset.name)
    images, classes, labels = number_classes(dataset, source.read())
    shapes = prepared_shapes(dataset, images)
    aside = target.with_name(f"{target.name}.{os.getuid()}.partial")  # another user's, of a killed process, stays
    shutil.rmtree(aside, ignore_errors=True)
    refuse_full_disk(dataset, shapes.values(), target.parent)
    aside.mkdir()
    for name, array in images._asdict().items():
        if name in shapes:
            write_images(aside / f"{name}.npy", array, shapes[name])
        else:
            np.save(aside / f"{name}.npy", array)
    mean, std = moments_of(_map(aside / "x_train.npy"))
    manifest = Manifest(
        name=dataset.name,
        source=source.name,
        source_sha256=source.fingerprint,
        classes=classes,
        shape=list(shapes["x_train"][1:]),
        train_counts=np.bincount(images.y_train, minlength=len(classes)).tolist(),
        test_counts=np.bincount(images.y_test, minlength=len(classes)).tolist(),
        mean=list(mean),
        std=list(std),
        sha256={name: file_sha256(aside / f"{name}.npy") for name in Images._fields},
        labels=labels,
    )
    (aside / MANIFEST).write_text(manifest.to_json())
    share(aside)
    if target.exists():
        shutil.rmtree(target)
    aside.rename(target)
    return target


def _open(dataset: DataSet, folder: Path) -> Prepared:
    tensors = {name: torch.from_numpy(_map(folder / f"{name}.npy")) for name in Images._fields}
    manifest = read_manifest(folder)
    padding = round(dataset.padding * min(manifest.image_size) / SIZE)
    return Prepared(manifest=manifest, padding=padding, flip=dataset.flip, **tensors)


def _map(path: Path) -> NDArray[np.uint8]:
    mapped: NDArray[np.uint8] = np.load(path, mmap_mode="c")
    return mapped
