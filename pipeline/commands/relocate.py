"""Command `relocate`: correct a SQLite store whose folder was moved or copied."""

import logging

import click

from pipeline.tracking.moved import moved_experiments
from pipeline.tracking.moved import relocate as correct
from pipeline.tracking.store import address, reaching_store

log = logging.getLogger(__name__)


@click.command()
def relocate() -> None:
    """Tell a moved or copied SQLite store where its artifacts are."""
    with reaching_store():
        moved = list(moved_experiments(address()))
        for each in moved:
            correct(address(), each)
            log.info("%s is now %s", each.former, each.now)
    if not moved:
        log.info("%s: nothing to correct", address())
