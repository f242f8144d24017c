"""The source of a data set: its .npz file in the data folder, its original files there, or a fetch of these."""

import logging
import shutil
import socket
import zlib
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

from data.datasets import DataError, DataSet, Images, plain
from data.npz import find_npz, read_npz

TIMEOUT_SECONDS = 30.0
FETCH_ERRORS = (OSError, RuntimeError, HTTPException, EOFError, zlib.error)  # the last two: a damaged .gz
log = logging.getLogger(__name__)


class Source(NamedTuple):
    """The files that hold a data set, and a function that reads them."""

    name: str
    files: list[Path]
    read: Callable[[], Images]


def find_source(dataset: DataSet, data_dir: Path) -> Source | None:
    """Return the data set's .npz in the data folder, else its original files, or None; raise DataError."""
    if npz := find_npz(dataset, data_dir):
        return Source(str(npz), [npz], lambda: read_npz(npz))
    files = dataset.find(data_dir)
    name = str(files[0] if len(files) == 1 else files[0].parent) if files else ""
    return Source(name, files, lambda: dataset.read(data_dir)) if files else None


def locate(dataset: DataSet, data_dir: Path) -> Source:
    """Return the source of a data set; fetch the original files if none is found."""
    if source := find_source(dataset, data_dir):
        return source
    failures = []
    for fetch in dataset.fetches:
        log.info("%s: trying %s", dataset.name, fetch.source)
        try:
            _fetch(fetch.into, data_dir, data_dir / f".fetching-{plain(dataset.name)}")
        except FETCH_ERRORS as error:
            failures.append(f"{fetch.source} ({' '.join(str(error).split()) or type(error).__name__})")
        if source := find_source(dataset, data_dir):
            return source
    raise DataError(
        f"{dataset.name} was not found: tried {dataset.name}.npz and the original files in {data_dir}, "
        f"{', '.join(failures)}; put one of them there, or name their folder with data_dir"
    )


def _fetch(into: Callable[[Path], object], data_dir: Path, aside: Path) -> None:
    """Fetch files into the folder `aside`, then move them: an interrupted fetch leaves nothing that looks complete."""
    shutil.rmtree(aside, ignore_errors=True)  # from a killed fetch
    aside.mkdir()
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    try:
        into(aside)
        for file in sorted(path for path in aside.rglob("*") if path.is_file()):
            target = data_dir / file.relative_to(aside)
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        socket.setdefaulttimeout(before)
