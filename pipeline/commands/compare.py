"""Command `compare`: several studies side by side, in a run of its own."""

from functools import partial

from pipeline.tracking.comparison_log import compare_studies
from pipeline.tracking.retry import patiently
from pipeline.tracking.run import COMPARED
from pipeline.tracking.runs import open_run
from pipeline.tracking.selection import select_studies


def run(studies: str) -> None:
    """Compare finished studies with each other and with the paper."""
    stored = select_studies(studies)
    tags = {COMPARED: ",".join(study.id for study in stored)}
    with open_run("compare", f"compare-{len(stored)}-studies", tags=tags) as opened:
        opened.log_params({"studies": studies})
        patiently(partial(compare_studies, opened, stored), patience=0, what="the comparison")
