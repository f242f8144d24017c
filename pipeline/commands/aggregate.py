"""Command `aggregate`: means, tables and figures over the finished seeds of a study."""

import logging
from collections.abc import Collection
from dataclasses import replace
from functools import partial

from data.prepared import Prepared
from pipeline.config.resolve import resolve
from pipeline.config.schema import Settings
from pipeline.config.settings import Config
from pipeline.tracking.queries import RunNotFound, find_study, one_a_seed, runs_of_settings
from pipeline.tracking.resume import Start, warn_of_lacking
from pipeline.tracking.retry import patiently
from pipeline.tracking.run import Run
from pipeline.tracking.store import address, current_experiment
from pipeline.tracking.study_log import aggregate_seeds, open_study
from pipeline.training.inputs import prepare_inputs

log = logging.getLogger(__name__)


def run(settings: Settings, given: Collection[str], study: str | None) -> None:
    """Average finished seeds: of the study whose run has an id or, without one, of equal settings."""
    config = resolve(settings)
    if study is not None:
        _aggregate(Run(find_study(study).id), config)
        return
    prepared = prepare_inputs(config)
    with open_study(_trained(config, prepared, given), prepared) as opened:
        _aggregate(opened, config)


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
