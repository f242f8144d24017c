"""Folders on this machine: the data folder and, where this user may only read that, the cache folder beside it."""

import os
from pathlib import Path

from pipeline.config.schema import Settings
from pipeline.host.disk import unwritable


def data_folder(given: str | None) -> str:
    """Return the folder of the data sets: the given one, or this machine's cache folder."""
    return given or str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "layerwise")


def data_folders(settings: Settings) -> list[Path]:
    """Return the folders in which data sets are looked for; the last one is written."""
    return list(dict.fromkeys((Path(data_folder(settings.data_dir)), _written(settings, "prepared"))))


def outbox_folder(settings: Settings) -> Path:
    """Return where checkpoints and unsent results are kept."""
    return _written(settings, "outbox") / "outbox"


def _written(settings: Settings, part: str) -> Path:
    """Return the data folder, or the cache folder where the former exists and a part of it cannot be written.

    A data folder that is missing and cannot be created, say for a typing error, is not replaced.
    """
    given = Path(data_folder(settings.data_dir))
    readable = os.access(given, os.R_OK | os.X_OK) and given.is_dir()
    return Path(data_folder(None)) if readable and unwritable(given / part) else given
