"""Command `relocate`: correct a SQLite store whose folder was moved or copied."""

import logging

from pipeline.tracking.moved import moved_experiments, relocate
from pipeline.tracking.store import address, reaching_store

log = logging.getLogger(__name__)


def run() -> None:
    """Tell a moved or copied SQLite store where its artifacts are."""
    with reaching_store():
        moved = list(moved_experiments(address()))
        for each in moved:
            relocate(address(), each)
            log.info("%s is now %s", each.former, each.now)
    if not moved:
        log.info("%s: nothing to correct", address())
