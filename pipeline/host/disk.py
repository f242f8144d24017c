"""Room on disk: whether there is enough of it, and which disk lacks how much."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.console.errors import Failure

MEGA = 1_000_000


class DiskFull(Failure):
    """The message is one line: which disk, how much is missing, and what to do."""


@contextmanager
def disk_space(folder: Path, what: str, size: int = 0) -> Iterator[None]:
    """Raise DiskFull before, or in place of, the error of writing `what`, of so many bytes, into an existing folder."""
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
    """Return whether an error says that a disk, or a quota, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _full(folder: Path, what: str, size: int, free: int) -> DiskFull:
    missing = (
        f"takes {size / MEGA:,.1f} MB, {max(size - free, 0) / MEGA:,.1f} MB are missing" if size else "has no room"
    )
    return DiskFull(
        f"the disk of {folder} is full ({free / MEGA:,.1f} MB free): {what} {missing}; "
        "make room, and the same command goes on"
    )
