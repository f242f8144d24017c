"""Disks: whether a place can be written, whether there is enough space, and how much is missing."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.console.errors import Failure

MEGA = 1_000_000


class DiskFull(Failure):
    """The message is one line: which disk, how much is missing, and what to do."""


def nearest_existing(path: Path) -> Path:
    """Return a path, or the nearest folder above it that exists."""
    path = path.absolute()
    return next(place for place in (path, *path.parents) if os.access(place, os.F_OK))


def unwritable(path: Path) -> str:
    """Return why a file or folder cannot be written or created; an empty text if it can."""
    place = nearest_existing(path)
    if place != path.absolute() and not place.is_dir():
        return f"{place} is not a folder"
    return "" if os.access(place, os.W_OK) else f"{place} is not writable"


@contextmanager
def disk_space(folder: Path, what: str, size: int = 0) -> Iterator[None]:
    """Raise DiskFull before, or in place of, the error of writing `what`, of `size` bytes, into an existing folder."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise _full(folder, what, size, free)
    try:
        yield
    except (OSError, RuntimeError) as error:  # torch.save raises the latter
        if is_full(error) or shutil.disk_usage(folder).free < size:
            raise _full(folder, what, size, shutil.disk_usage(folder).free) from error
        raise


def is_full(error: BaseException) -> bool:
    """Return whether an error means that a disk, or a quota, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _full(folder: Path, what: str, size: int, free: int) -> DiskFull:
    missing = (
        f"takes {size / MEGA:,.1f} MB, {max(size - free, 0) / MEGA:,.1f} MB are missing" if size else "has no room"
    )
    return DiskFull(
        f"the disk of {folder} is full ({free / MEGA:,.1f} MB free): {what} {missing}; "
        "free some space, and the same command resumes"
    )


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Give a path to write to, and rename it to the target once its content is on the disk; else delete it."""
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())  # or a power failure may leave an empty file
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
