"""Entry point `aggregate`: means, tables and figures over the finished seeds of a study."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from data.prepared import Prepared
from pipeline.config import Config
from pipeline.disk import room
from pipeline.options import takes_config
from pipeline.prepare import bring, log_prepared
from pipeline.publish import announce, publish
from pipeline.results.figures import write_figures
from pipeline.results.report import Facts, write_report
from pipeline.results.statistics import Histories, final_values
from pipeline.results.tables import write_tables
from pipeline.tracking.histories import read_histories
from pipeline.tracking.runs import PROVENANCE, SEEDS, STUDY, Run, open_run
from pipeline.tracking.stored import StoredSeed, StoredStudy, find_study, read_study, seeds_of_settings, seeds_of_study
from pipeline.tracking.studies import adopt, log_means


class SeedsFailed(Exception):
    """Some seeds of a study did not finish; the message is one line and says which."""


@contextmanager
def open_study(config: Config, prepared: Prepared, sweep: str | None = None) -> Iterator[Run]:
    """Open a study's run, below that of a sweep if any, and log its settings and its data."""
    tags = {STUDY: config.study_hash(prepared.manifest.digest)}
    with open_run("study", config.study_name, tags=tags, parent=sweep) as run:
        run.log_params(config.as_text())
        run.log_texts(config.files())
        log_prepared(run, prepared)
        announce(run, config)
        yield run


def aggregate_seeds(study: Run, seeds: Sequence[StoredSeed], *, register: bool) -> None:
    """Log means, tables, figures and report of the finished seeds to the study's run; raise SeedsFailed if one misses.

    Of seeds that ran longer than the study the first epochs are taken. `register` has the best model registered.
    """
    stored = read_study(study.id)
    finished = [seed for seed in seeds if seed.finished]
    unfinished = [str(number) for number in stored.seeds if number not in {seed.number for seed in finished}]
    study.set_tags({SEEDS: f"{len(finished)} of {len(stored.seeds)}"})
    if finished:
        histories = read_histories(finished, int(stored.settings["epochs"]))
        log_means(study.id, histories)
        with TemporaryDirectory() as temporary:
            folder = Path(temporary)
            with room(folder, "figures and tables"):
                _write_results(_facts(stored, finished, histories), histories, folder)
            with study.room_for(folder, "figures and tables"):
                study.log_files(folder)
        publish(study, stored, finished, histories, registers=register)
        _print_result(study, stored.name, histories, len(stored.seeds))
    if unfinished:
        raise SeedsFailed(f"{len(finished)} of {len(stored.seeds)} seeds finished; missing: {', '.join(unfinished)}")


def _write_results(facts: Facts, histories: Histories, folder: Path) -> None:
    write_figures(histories, folder / "figures", title=facts.name, asked=len(facts.asked))
    write_tables(histories, folder / "tables", model=facts.model, dataset=facts.dataset)
    write_report(facts, histories, folder)


def _facts(study: StoredStudy, seeds: Sequence[StoredSeed], histories: Histories) -> Facts:
    seeds = sorted(seeds, key=lambda seed: seed.number)
    seconds = histories.scalars[histories.scalars["metric"] == "epoch_seconds"].groupby("seed")["value"].sum()
    return Facts(
        name=study.name,
        run_id=study.id,
        model=study.settings["model_name"],
        dataset=study.settings["dataset"],
        digest=study.digest,
        asked=study.seeds,
        settings={name: str(value) for name, value in study.settings.items()},
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


@click.command()
@takes_config
@click.option("--study", metavar="VALUE", help="id of a study's run: its figures are made again there")
def aggregate(config: Config, study: str | None) -> None:
    """Average finished seeds: of a study, or of equal settings."""
    if study is not None:
        stored = find_study(study)
        aggregate_seeds(Run(stored.id), seeds_of_study(stored.id), register=config.register)
        return
    prepared = bring(config)
    seeds = seeds_of_settings(config.study_hash(prepared.manifest.digest))
    finished = [seed for seed in seeds if seed.finished]
    numbers = tuple(seed.number for seed in finished)
    if left_out := {*config.seeds, *(seed.number for seed in seeds)} - set(numbers):
        click.echo(f"not finished with these settings: seeds {', '.join(map(str, sorted(left_out)))}")
    trained = replace(config, seeds=numbers, epochs=max(seed.epochs for seed in finished))
    with open_study(trained, prepared) as run:
        for seed, former in adopt(run, finished):
            click.echo(f"seed {seed}: taken over from the study {former}")
        aggregate_seeds(run, finished, register=config.register)


def _print_result(study: Run, name: str, histories: Histories, asked: int) -> None:
    accuracies = final_values(histories, "test_acc")
    spread = f" +- {accuracies.std():.2f} (one standard deviation)" if len(accuracies) > 1 else ""
    click.echo(f"{name}: {len(accuracies)} of {asked} seeds, test accuracy {accuracies.mean():.2f} %{spread}")
    click.echo(f"figures: {study.artifact_location('figures')}")
    click.echo(f"browse:  {study.how_to_browse()}")
