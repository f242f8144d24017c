"""Command `aggregate`: means, tables and figures over the finished seeds of a study."""

import logging
from collections.abc import Collection
from dataclasses import replace
from functools import partial

import click

from data.prepared import Prepared
from pipeline.config.options import WithSettings, takes_settings
from pipeline.config.resolve import load_config
from pipeline.config.settings import Config
from pipeline.console.errors import BadInput
from pipeline.tracking.queries import RunNotFound, find_study, one_a_seed, runs_of_settings
from pipeline.tracking.resume import Start, warn_of_lacking
from pipeline.tracking.retry import patiently
from pipeline.tracking.run import Run
from pipeline.tracking.store import address, current_experiment
from pipeline.tracking.study_log import aggregate_seeds, open_study
from pipeline.training.inputs import prepare_inputs

WITH_STUDY = {"register"}  # the settings that `aggregate -P study=` takes
log = logging.getLogger(__name__)


@click.command(cls=WithSettings)
@takes_settings
@click.option("--study", metavar="VALUE", help="id of a study's run: its figures are made again there")
def aggregate(given: dict[str, str], study: str | None) -> None:
    """Average finished seeds: of a study, or of equal settings."""
    config = load_config(given)
    if study is not None:
        if ignored := sorted(set(given) - WITH_STUDY):
            raise BadInput(f"study has settings of its own: leave out {', '.join(ignored)}; got {study!r}")
        _aggregate(Run(find_study(study).id), config)
        return
    prepared = prepare_inputs(config)
    with open_study(_trained(config, prepared, given), prepared) as run:
        _aggregate(run, config)


def _aggregate(run: Run, config: Config) -> None:
    patiently(partial(aggregate_seeds, run, register=config.register), config.server_wait, "the aggregation")


def _trained(config: Config, prepared: Prepared, given: Collection[str]) -> Config:
    """Return the configuration with the seeds and epochs given or, where they are not, those of the finished seeds.

    These are all seeds, with the epochs of the longest: shorter ones are missing then, and named. Raise RunNotFound.
    """
    known = runs_of_settings(config.study_hash(prepared.manifest.digest))
    runs = [run for run in known if run.finished]
    if unfinished := sorted({run.number for run in known} - {run.number for run in runs}):
        log.info("not finished with these settings: seeds %s", ", ".join(map(str, unfinished)))
    seeds = config.seeds if "seeds" in given else tuple(sorted({run.number for run in runs}))
    asked = [run for run in runs if run.number in seeds]
    if not asked:
        where = f"experiment {current_experiment()} on {address()}"
        raise RunNotFound(
            f"{where} has no finished seed with these settings: train one with the same settings, or name a study with "
            "-P study=<run id>"
        )
    epochs = config.epochs if "epochs" in given else max(run.epochs for run in asked)
    wanted = {name: value for name, value in config.measuring().items() if name in given}
    warn_of_lacking([Start(run.number, epochs, run, done=True) for run in one_a_seed(asked, seeds, epochs)], wanted)
    return replace(config, seeds=seeds, epochs=epochs, fresh=False)
