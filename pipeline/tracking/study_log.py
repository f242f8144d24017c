"""What a study's run holds: its settings and data, then means, tables, figures and report over its seeds."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from data.prepared import Prepared
from pipeline.analysis.answer import accuracy_spread, answer
from pipeline.analysis.figures.study_figures import write_figures
from pipeline.analysis.most_and_least import changed_most
from pipeline.analysis.paper import figure_medians
from pipeline.analysis.reports.study_report import Facts, write_report
from pipeline.analysis.statistics import Histories, accuracy
from pipeline.analysis.study_tables import study_tables, write_tables
from pipeline.config.resolve import paper_settings
from pipeline.config.settings import Config
from pipeline.console.errors import Failure
from pipeline.host.disk import disk_space
from pipeline.tracking.dataset_pictures import log_prepared
from pipeline.tracking.histories import read_histories
from pipeline.tracking.mean_log import log_means
from pipeline.tracking.queries import StoredSeed, StoredStudy, read_study, runs_of_settings, seeds_of_study
from pipeline.tracking.resume import reuse
from pipeline.tracking.run import CHANGED_MOST, PROVENANCE, SEEDS, STUDY, Run, setting_tag
from pipeline.tracking.runs import open_run
from pipeline.tracking.seed_page import describe_seeds
from pipeline.tracking.study_page import announce, publish

log = logging.getLogger(__name__)


class SeedsFailed(Failure):
    """Some seeds of a study did not finish; the message is one line and says which."""


@contextmanager
def open_study(config: Config, prepared: Prepared, sweep: str | None = None) -> Iterator[Run]:
    """Open a study's run, below that of a sweep if any, and log its settings and its data."""
    tags = {setting_tag(name): value for name, value in config.as_text().items()}
    tags |= {STUDY: config.study_hash(prepared.manifest.digest)}
    with open_run("study", config.study_name, tags=tags, parent=sweep) as run:
        run.log_params(config.as_text())
        run.log_texts(config.files())
        log_prepared(run, prepared)
        announce(run, config)
        yield run


def aggregate_seeds(study: Run, *, register: bool) -> None:
    """Log means, tables, figures and report of the finished seeds to the study's run; raise SeedsFailed if one misses.

    Its seeds and epochs are those of its settings: of seeds that ran longer the first epochs count, and of seeds with
    fewer epochs nothing does. `register` has the best model registered.
    """
    stored = read_study(study.id)
    finished = seeds_of_study(stored)
    missing = [number for number in stored.seeds if number not in {seed.number for seed in finished}]
    study.set_tags({SEEDS: f"{len(finished)} of {len(stored.seeds)}"})
    if finished:
        for seed, former in reuse(study, finished):
            log.info("seed %s: reused from the study %s", seed, former)
        histories = read_histories(finished, stored.epochs)
        log_means(study.id, histories)
        facts = _facts(stored, finished, histories)
        tables = study_tables(histories, model=facts.model, dataset=facts.dataset)
        paper = paper_settings(facts.model, facts.dataset)
        said = answer(
            histories,
            tables,
            model=facts.model,
            dataset=facts.dataset,
            asked=len(facts.asked),
            paper=paper,
        )
        _log_files(study, facts, histories, tables, said)
        study.set_tags({CHANGED_MOST: changed_most(histories)})
        publish(study, stored, finished, histories, said, registers=register)
        describe_seeds(study, stored, finished, histories, paper)
        _print_result(study, stored.name, histories, len(stored.seeds))
    if missing:
        named = ", ".join(_missing(stored, missing))
        raise SeedsFailed(f"{len(finished)} of {len(stored.seeds)} seeds finished; missing: {named}")


def _log_files(
    study: Run, facts: Facts, histories: Histories, tables: Mapping[str, pd.DataFrame], said: Sequence[str]
) -> None:
    """Log figures, tables and the report to a study's run."""
    with TemporaryDirectory() as temporary:
        folder, paper = Path(temporary), figure_medians(facts.model, facts.dataset)
        with disk_space(folder, "figures and tables"):
            write_figures(histories, folder / "figures", title=facts.name, asked=len(facts.asked), paper=paper)
            write_tables(tables, folder / "tables")
            write_report(facts, histories, tables, said, folder)
        with study.disk_space_for(folder, "figures and tables"):
            study.log_files(folder)


def _missing(study: StoredStudy, seeds: Sequence[int]) -> Iterator[str]:
    """Yield each seed, with the epochs that its longest finished run has, if there is one."""
    for seed in seeds:
        runs = [run for run in runs_of_settings(study.hash, seed, study.experiment) if run.finished]
        yield f"{seed} ({max(run.epochs for run in runs)} of {study.epochs} epochs)" if runs else str(seed)


def _facts(study: StoredStudy, seeds: Sequence[StoredSeed], histories: Histories) -> Facts:
    seeds = sorted(seeds, key=lambda seed: seed.number)
    seconds = dict(zip(histories.seeds, np.nansum(histories.scalars["epoch_seconds"], axis=1).tolist(), strict=True))
    return Facts(
        name=study.name,
        run_id=study.id,
        model=study.settings["model_name"],
        dataset=study.settings["dataset"],
        digest=study.digest,
        asked=study.seeds,
        settings=study.settings,
        runs=[
            {
                "seed": str(seed.number),
                "run": seed.id,
                "started (UTC)": f"{seed.started:%Y-%m-%d %H:%M}",
                "all epochs": f"{timedelta(seconds=round(seconds[seed.number]))}",
            }
            for seed in seeds
        ],
        provenance=[{name: seed.tags.get(tag, "unknown") for name, tag in PROVENANCE.items()} for seed in seeds],
    )


def _print_result(study: Run, name: str, histories: Histories, asked: int) -> None:
    found = accuracy(histories)
    log.info("%s: %s of %s seeds, test accuracy %.1f %% (%s)", name, found.n, asked, found.mean, accuracy_spread(found))
    log.info("figures: %s", study.artifact_location("figures"))
    log.info("browse:  %s", study.how_to_browse())
