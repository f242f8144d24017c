"""Entry point `sweep`: a study for every combination of models, data sets and other settings, below one run."""

import logging
from collections import Counter
from collections.abc import Sequence
from functools import partial

import click

from pipeline.analysis.comparison import labels
from pipeline.config.grid import combinations
from pipeline.config.options import WithSettings, takes_settings
from pipeline.console.errors import BadInput, Failure
from pipeline.execution.executor import Executor, executor_of
from pipeline.execution.plan import print_plan
from pipeline.execution.status import live_table
from pipeline.execution.studies import Study
from pipeline.tracking.comparison_log import compare_studies
from pipeline.tracking.description import describe
from pipeline.tracking.retry import patiently
from pipeline.tracking.run import Run
from pipeline.tracking.runs import open_run
from pipeline.tracking.selection import studies_of_sweep
from pipeline.tracking.study_log import SeedsFailed
from pipeline.training.inputs import prepare_inputs

log = logging.getLogger(__name__)


@click.command(cls=WithSettings)
@takes_settings
@click.option(
    "--plan",
    type=click.Choice((True, False), case_sensitive=False),
    default=False,
    help="only print the studies and their time",
)
def sweep(given: dict[str, str], plan: bool) -> None:
    """Run a study for every combination of listed settings, like dataset=MNIST,FMNIST."""
    studies_given = combinations(given)
    with executor_of(studies_given) as executor:
        configs = [executor.resolve(settings) for settings in studies_given]
        told_apart = labels([(f"{n}", each.study_name, each.as_text()) for n, each in enumerate(configs, start=1)])
        studies = [Study(each, prepare_inputs(each), label) for each, label in zip(configs, told_apart, strict=True)]
        _refuse_duplicates(studies)
        print_plan(studies, executor, timed=plan)
        if not plan:
            _run(studies, executor, given)


def _refuse_duplicates(studies: Sequence[Study]) -> None:
    counts = Counter(study.hash for study in studies)
    if twins := [study.label for study in studies if counts[study.hash] > 1]:
        raise BadInput(f"a sweep must name every study once; {' and '.join(twins)} are the same: remove one")


def _run(studies: Sequence[Study], executor: Executor, given: dict[str, str]) -> None:
    with open_run("sweep", f"sweep-{len(studies)}-studies") as run:
        run.log_params(given)
        describe(run, [f"**{len(studies)} studies**, below. Their comparison comes when all are done."])
        with live_table([study.status for study in studies], executor.capacity) as table:
            failures = executor.run([partial(_begin, study, executor, run) for study in studies], table.refresh)
        failed = {study.label: failure for study, failure in zip(studies, failures, strict=True) if failure}
        for label, failure in failed.items():
            log.warning("study %s: %s", label, failure, exc_info=None if isinstance(failure, Failure) else failure)
        patiently(partial(_compare, run), studies[0].config.server_wait)
        if failed:
            raise SeedsFailed(
                f"{len(studies) - len(failed)} of {len(studies)} studies finished; not: {', '.join(failed)}"
            )


def _compare(run: Run) -> None:
    if finished := studies_of_sweep(run.id):
        compare_studies(run, finished)


def _begin(study: Study, executor: Executor, sweep: Run) -> None:
    log.info("study %s", study.label)
    study.run(executor, sweep.id)
