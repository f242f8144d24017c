"""The source of a data set: its .npz file in the data folder, its original files there, or a fetch of these."""

import hashlib
import logging
import os
import shutil
import socket
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException
from pathlib import Path

from data.datasets import DataError, DataSet, Images, plain
from data.manifest import file_sha256
from data.npz import find_npz, read_npz
from data.sharing import make_shared, share

TIMEOUT_SECONDS = 30.0
FETCH_ERRORS = (OSError, RuntimeError, HTTPException, EOFError, zlib.error)  # the last two: a damaged .gz
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """The files that hold a data set, and a function that reads them."""

    name: str
    files: list[Path]
    read: Callable[[], Images]

    @cached_property
    def fingerprint(self) -> str:
        """The checksum of the file, or a checksum of the checksums of several; raise DataError."""
        try:
            sums = [file_sha256(path) for path in self.files]
        except OSError as error:
            raise DataError(f"{error.filename} cannot be read ({error.strerror}): fix or remove it") from error
        return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()


def find_source(dataset: DataSet, *folders: Path) -> Source | None:
    """Return the data set's .npz in the first data folder that has it, else its original files; raise DataError."""
    return next(filter(None, (_find_in(dataset, folder) for folder in folders)), None)


def _find_in(dataset: DataSet, data_dir: Path) -> Source | None:
    if npz := find_npz(dataset, data_dir):
        return Source(str(npz), [npz], lambda: read_npz(npz))
    files = dataset.find(data_dir)
    name = str(files[0] if len(files) == 1 else files[0].parent) if files else ""
    return Source(name, files, lambda: dataset.read(data_dir)) if files else None


def locate(dataset: DataSet, *folders: Path) -> Source:
    """Return the source of a data set; fetch the original files into the last data folder if none has any."""
    if source := find_source(dataset, *folders):
        return source
    failures = []
    for fetch in dataset.fetches:
        log.info("%s: trying %s", dataset.name, fetch.source)
        try:
            _fetch(fetch.into, folders[-1], f".fetching-{plain(dataset.name)}-{os.getuid()}")
        except FETCH_ERRORS as error:
            failures.append(f"{fetch.source} ({' '.join(str(error).split()) or type(error).__name__})")
        if source := find_source(dataset, *folders):
            return source
    places = " and ".join(map(str, folders))
    raise DataError(
        f"{dataset.name} was not found: tried {dataset.name}.npz and the original files in {places}, "
        f"{', '.join(failures)}; put one of them there, or name their folder with data_dir"
    )


def _fetch(into: Callable[[Path], object], data_dir: Path, name: str) -> None:
    """Fetch files into a folder aside, then move them: an interrupted fetch leaves nothing that looks complete."""
    aside = data_dir / name
    shutil.rmtree(aside, ignore_errors=True)  # from a killed fetch
    aside.mkdir()
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    try:
        into(aside)
        share(aside)
        for path in sorted(aside.rglob("*")):  # folders before their files
            target = data_dir / path.relative_to(aside)
            if path.is_dir():
                make_shared(target)
            else:
                path.replace(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        socket.setdefaulttimeout(before)
