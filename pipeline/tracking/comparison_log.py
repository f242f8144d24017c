"""What a comparison's run holds: figures, tables and a page of several studies, side by side."""

import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.analysis.comparison import Compared, labels
from pipeline.analysis.reports.comparison_report import write_comparison
from pipeline.config.resolve import paper_settings
from pipeline.host.disk import disk_space
from pipeline.tracking.description import NEW_LINE, Page, describe, links, plain
from pipeline.tracking.histories import read_histories
from pipeline.tracking.limits import NAMED
from pipeline.tracking.queries import StoredStudy, seeds_of_study
from pipeline.tracking.run import Run

log = logging.getLogger(__name__)


def compare_studies(run: Run, stored: Sequence[StoredStudy]) -> None:
    """Log figures, tables and a page of finished studies to a run, and describe it by the page's first sentences."""
    compared = _compared(stored)
    for study in compared:
        log.info("%s: run %s, %s seeds", study.label, study.run_id, study.accuracy.n)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with disk_space(folder, "figures and tables"):
            said = write_comparison(compared, folder)
        with run.disk_space_for(folder, "figures and tables"):
            run.log_files(folder)
    _describe(run, compared, said)
    log.info("page:    %s", run.artifact_location("compare.html"))
    log.info("browse:  %s", run.how_to_browse())


def _describe(run: Run, compared: Sequence[Compared], said: Sequence[str]) -> None:
    page = Page(run)
    shown = {"the page": "compare.html", "figures": "figures", "tables": "tables"}
    leads = links({what: page.artifact(path) for what, path in shown.items()})
    studies = links({study.label: page.of(study.run_id) for study in compared[:NAMED]})
    more = f" and {len(compared) - NAMED} more" if len(compared) > NAMED else ""
    describe(
        run,
        [
            f"{plain(said[0])} {leads}{NEW_LINE}{plain(said[1])}",
            plain(" ".join(said[2:])),
            f"Their pages: {studies}{more}",
        ],
    )


def _compared(stored: Sequence[StoredStudy]) -> list[Compared]:
    named = labels([(study.id, study.name, study.settings) for study in stored])
    compared = []
    for study, label in zip(stored, named, strict=True):
        its = study.settings
        model, dataset = its["model_name"], its["dataset"]
        histories = read_histories(seeds_of_study(study), study.epochs)
        paper = paper_settings(model, dataset)
        compared.append(Compared(study.id, label, model, dataset, its, paper, histories))
    return compared
