"""Entry point `aggregate`: means, tables and figures over the finished seeds of a study."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from data.prepared import Prepared
from pipeline.config import Config
from pipeline.options import takes_config
from pipeline.prepare import bring, log_prepared
from pipeline.results.figures import write_figures
from pipeline.results.statistics import Histories, final_values
from pipeline.results.tables import write_tables
from pipeline.tracking.histories import StoredSeed, find_study, read_histories, seeds_of_settings, seeds_of_study
from pipeline.tracking.runs import SEEDS, STUDY, Run, open_run
from pipeline.tracking.studies import adopt, log_means


class SeedsFailed(Exception):
    """Some seeds of a study did not finish; the message is one line and says which."""


@contextmanager
def open_study(config: Config, prepared: Prepared) -> Iterator[Run]:
    """Open a study's run and log its settings and its data."""
    tags = {STUDY: config.study_hash(prepared.manifest.digest)}
    with open_run("study", config.study_name, tags=tags) as run:
        run.log_params(config.as_text())
        run.log_text(config.as_yaml(), "config.yaml")
        log_prepared(run, prepared)
        yield run


def aggregate_seeds(study: Run, name: str, seeds: Sequence[StoredSeed], asked: Sequence[int]) -> None:
    """Log means, tables and figures of the finished seeds to the study's run; raise SeedsFailed where one failed."""
    finished = [seed for seed in seeds if seed.status == "FINISHED"]
    study.set_tags({SEEDS: f"{len(finished)} of {len(asked)}"})
    if finished:
        histories = read_histories(finished)
        log_means(study.id, histories)
        with TemporaryDirectory() as folder:
            write_figures(histories, Path(folder) / "figures", title=name, asked=len(asked))
            write_tables(histories, Path(folder) / "tables")
            study.log_files(Path(folder))
        _print_result(study, name, histories, asked)
    failed = [str(seed.number) for seed in seeds if seed.status in ("FAILED", "KILLED")]
    if failed:
        raise SeedsFailed(f"{len(finished)} of {len(asked)} seeds finished; failed: {', '.join(failed)}")


@click.command()
@takes_config
@click.option("--study", metavar="VALUE", help="id of a study's run: its figures are made again there")
def aggregate(config: Config, study: str | None) -> None:
    """Average the finished seeds: of a study, or all that were trained with these settings."""
    if study is not None:
        stored = find_study(study)
        aggregate_seeds(Run(stored.id), stored.name, seeds_of_study(stored), stored.seeds)
        return
    prepared = bring(config)
    seeds = seeds_of_settings(config.study_hash(prepared.manifest.digest))
    trained = tuple(seed.number for seed in seeds)
    if untrained := set(config.seeds) - set(trained):
        click.echo(f"no run with these settings: seeds {', '.join(map(str, sorted(untrained)))}")
    with open_study(replace(config, seeds=trained), prepared) as run:
        adopt(run.id, [seed for seed in seeds if seed.status == "FINISHED"])
        aggregate_seeds(run, config.study_name, seeds, trained)


def _print_result(study: Run, name: str, histories: Histories, asked: Sequence[int]) -> None:
    accuracies = final_values(histories, "test_acc")
    missing = sorted(set(asked) - set(histories.seeds))
    spread = f" +- {accuracies.std():.2f} (one standard deviation)" if len(accuracies) > 1 else ""
    click.echo(
        f"{name}: {len(accuracies)} of {len(asked)} seeds, test accuracy {accuracies.mean():.2f} %{spread}"
        + (f"; missing: {', '.join(map(str, missing))}" if missing else "")
    )
    click.echo(f"figures: {study.artifact_location('figures')}")
    click.echo(f"browse:  {study.how_to_browse()}")
