"""Command `prepare`: the data set, ready on disk, described in a run of its own."""

import logging

import click

from pipeline.config.folders import data_folders
from pipeline.config.options import WithSettings, takes_settings
from pipeline.config.resolve import load_config
from pipeline.tracking.dataset_log import log_prepared
from pipeline.tracking.runs import open_run
from pipeline.training.inputs import prepare_inputs

log = logging.getLogger(__name__)


@click.command(cls=WithSettings)
@takes_settings
def prepare(given: dict[str, str]) -> None:
    """Prepare a data set and log what it holds."""
    config = load_config(given)
    prepared = prepare_inputs(config)
    manifest = prepared.manifest
    with open_run("prepare", f"prepare-{manifest.name}") as run:
        run.log_params(config.as_text())
        log_prepared(run, prepared)
    counts = f"{len(prepared.x_train):,} training and {len(prepared.x_test):,} test images"
    places = " or ".join(map(str, data_folders(config)))
    log.info("%s: %s, %s classes, in %s", manifest.name, counts, len(manifest.classes), places)
