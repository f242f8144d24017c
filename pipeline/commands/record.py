"""Commands `record` and `restore`: small records of studies in a folder, and the same studies in a store again."""

import logging
from functools import partial
from pathlib import Path

from pipeline.tracking.records import read_records, write_record
from pipeline.tracking.restore import restore
from pipeline.tracking.retry import patiently
from pipeline.tracking.selection import select_studies
from pipeline.tracking.store import reaching_store
from pipeline.tracking.study_log import SeedsFailed, aggregate_seeds

log = logging.getLogger(__name__)


def record(studies: str, folder: Path) -> None:
    """Write a record of each study to a folder."""
    for study in select_studies(studies):
        log.info("%s: %s", study.name, write_record(study, folder))


def restore_all(folder: Path) -> None:
    """Restore the studies in a folder that the store lacks, and aggregate them."""
    for study, seeds in list(read_records(folder)):
        with reaching_store():
            restored = restore(study, seeds)
        if restored is None:
            log.info("%s: the store has it, with its %s seeds", study.name, len(seeds))
            continue
        run, added = restored
        log.info("%s: run %s, %s of %s seeds restored", study.name, run.id, added, len(seeds))
        try:
            patiently(partial(aggregate_seeds, run, register=False), patience=0, what="the aggregation")
        except SeedsFailed as unfinished:  # as it was when it was recorded
            log.warning("%s: %s", study.name, unfinished)
