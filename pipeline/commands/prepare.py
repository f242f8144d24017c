"""Command `prepare`: the data set, ready on disk, described in a run of its own."""

import logging

from pipeline.config.folders import data_folders
from pipeline.config.resolve import resolve
from pipeline.config.schema import Settings
from pipeline.tracking.dataset_pictures import log_prepared
from pipeline.tracking.runs import open_run
from pipeline.training.inputs import prepare_inputs

log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Prepare a data set and log what it holds."""
    config = resolve(settings)
    prepared = prepare_inputs(config)
    manifest = prepared.manifest
    with open_run("prepare", f"prepare-{manifest.name}") as opened:
        opened.log_params(config.as_text())
        log_prepared(opened, prepared)
    counts = f"{len(prepared.x_train):,} training and {len(prepared.x_test):,} test images"
    places = " or ".join(map(str, data_folders(config)))
    log.info("%s: %s, %s classes, in %s", manifest.name, counts, len(manifest.classes), places)
