"""Command `compare`: several studies side by side, in a run of its own."""

from functools import partial

import click

from pipeline.tracking.comparison_log import compare_studies
from pipeline.tracking.retry import patiently
from pipeline.tracking.run import COMPARED
from pipeline.tracking.runs import open_run
from pipeline.tracking.selection import select_studies


@click.command()
@click.option("--studies", default="all", metavar="VALUE", help="ids of studies' runs, an MLflow filter, or all")
def compare(studies: str) -> None:
    """Compare finished studies with each other and with the paper."""
    stored = select_studies(studies)
    with open_run("compare", f"compare-{len(stored)}-studies", tags={COMPARED: ",".join(s.id for s in stored)}) as run:
        run.log_params({"studies": studies})
        patiently(partial(compare_studies, run, stored), patience=0, what="the comparison")
