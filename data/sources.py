"""Where a data set is taken from: its .npz in the data folder, its original files there, or else a fetch of them."""

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
FETCH_FAILS = (OSError, RuntimeError, HTTPException, EOFError, zlib.error)  # the last two: a damaged .gz
log = logging.getLogger(__name__)


class Source(NamedTuple):
    """The files that hold a data set, and how they are read."""

    name: str
    files: list[Path]
    read: Callable[[], Images]


def locate(dataset: DataSet, data_dir: Path) -> Source:
    """Return the first source that is there; fetch the original files where none is."""
    npz = find_npz(dataset, data_dir)
    if npz:
        return Source(str(npz), [npz], lambda: read_npz(npz))
    failures = []
    for fetch in (None, *dataset.fetches):
        if fetch:
            try:
                log.info(f"{dataset.name}: trying {fetch.source}")
                _fetch(fetch.into, data_dir, data_dir / f".fetching-{plain(dataset.name)}")
            except FETCH_FAILS as error:
                failures.append(f"{fetch.source} ({' '.join(str(error).split()) or type(error).__name__})")
        files = dataset.find(data_dir)
        if files:
            return Source(str(files[0] if len(files) == 1 else files[0].parent), files, lambda: dataset.read(data_dir))
    raise DataError(
        f"{dataset.name} is not there: tried {dataset.name}.npz and the original files in {data_dir}, "
        f"{', '.join(failures)}; put one of them there, or name their folder with data_dir"
    )


def _fetch(into: Callable[[Path], object], data_dir: Path, aside: Path) -> None:
    """Bring files aside first: an interrupted fetch leaves nothing that looks whole."""
    shutil.rmtree(aside, ignore_errors=True)  # of one that was killed
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
