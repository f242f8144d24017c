"""Command `prepare`: the data set, ready on disk, described in a run of its own."""

import logging

import click

from pipeline.config.options import takes_config
from pipeline.config.settings import Config
from pipeline.tracking.dataset_log import log_prepared
from pipeline.tracking.runs import open_run
from pipeline.training.inputs import prepare_inputs

log = logging.getLogger(__name__)


@click.command()
@takes_config
def prepare(config: Config) -> None:
    """Prepare a data set and log what it holds."""
    prepared = prepare_inputs(config)
    with open_run("prepare", f"prepare-{prepared.manifest.name}") as run:
        run.log_params(config.as_text())
        log_prepared(run, prepared)
    counts = f"{len(prepared.x_train):,} training and {len(prepared.x_test):,} test images"
    log.info(f"{prepared.manifest.name}: {counts}, {len(prepared.manifest.classes)} classes, in {config.data_dir}")
