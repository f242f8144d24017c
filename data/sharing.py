"""Permissions in a data folder of several people: what one of them creates is open to the others as the folder is."""

import os
import stat
from contextlib import suppress
from pathlib import Path

SHARED = 0o666  # of a file: what is not shared is the right to execute


def is_open(folder: Path) -> bool:
    """Return whether a folder exists and this user may read it."""
    return os.access(folder, os.R_OK | os.X_OK)


def mode_of_files(folder: Path) -> int:
    """Return the permissions of a file that everybody who may write to the folder shares."""
    return stat.S_IMODE(folder.stat().st_mode) & SHARED | stat.S_IRUSR | stat.S_IWUSR


def make_shared(folder: Path) -> None:
    """Create a folder, if it is missing, with the permissions of the one above, whatever the umask; raise OSError."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):  # file systems without permissions
            folder.chmod(stat.S_IMODE(folder.parent.stat().st_mode))


def share(new: Path) -> None:
    """Give a new folder, and all in it, the permissions of the one above; in a sticky one, others may only read."""
    mode = stat.S_IMODE(new.parent.stat().st_mode)
    if mode & stat.S_ISVTX:
        mode &= ~(stat.S_ISVTX | stat.S_IWGRP | stat.S_IWOTH)
    for path in (new, *new.rglob("*")):
        with suppress(OSError):  # file systems without permissions
            path.chmod(mode if path.is_dir() else mode & SHARED)
