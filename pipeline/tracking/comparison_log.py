"""What a comparison's run holds: figures, tables and a page of several studies, side by side."""

import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from data import DATASETS
from models import ARCHITECTURES
from pipeline.analysis.comparison import Compared, labels
from pipeline.analysis.paper import ACCURACIES, SETTINGS
from pipeline.analysis.reports.comparison_page import write_comparison
from pipeline.config.params import TABLE, paper_value, read_params, read_table
from pipeline.host.disk import disk_space
from pipeline.tracking.description import Page, describe, links
from pipeline.tracking.histories import read_histories
from pipeline.tracking.queries import StoredStudy, seeds_of_study
from pipeline.tracking.run import Run

NAMED = 20  # studies in the description of a comparison: MLflow cuts long ones
log = logging.getLogger(__name__)


def compare_studies(run: Run, stored: Sequence[StoredStudy]) -> None:
    """Log figures, tables and a page of finished studies beside each other to a run, and describe it."""
    compared = _compared(stored)
    for study in compared:
        log.info(f"{study.label}: run {study.run_id}, {study.accuracy.n} seeds")
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with disk_space(folder, "figures and tables"):
            write_comparison(compared, folder)
        with run.disk_space_for(folder, "figures and tables"):
            run.log_files(folder)
    _describe(run, compared)
    log.info(f"page:    {run.artifact_location('compare.html')}")
    log.info(f"browse:  {run.how_to_browse()}")


def _describe(run: Run, compared: Sequence[Compared]) -> None:
    page = Page(run)
    shown = {"the page": "compare.html", "figures": "figures", "tables": "tables"}
    leads = links({what: page.artifact(path) for what, path in shown.items()})
    studies = links({study.label: page.of(study.run_id) for study in compared[:NAMED]})
    more = f" and {len(compared) - NAMED} more" if len(compared) > NAMED else ""
    describe(run, [f"**{len(compared)} studies**, beside each other and the paper · {leads}", f"{studies}{more}"])


def _compared(stored: Sequence[StoredStudy]) -> list[Compared]:
    table = read_table(read_params()[TABLE], ARCHITECTURES, DATASETS)
    named = labels([(study.id, study.name, study.settings) for study in stored])
    compared = []
    for study, label in zip(stored, named, strict=True):
        its = study.settings
        model, dataset = its["model_name"], its["dataset"]
        cell = dataset in ACCURACIES.get(model, {})
        rates = {"lr": paper_value(table, model, dataset, 0), "weight_decay": paper_value(table, model, dataset, 1)}
        histories = read_histories(seeds_of_study(study), study.epochs)
        compared.append(Compared(study.id, label, model, dataset, its, rates | SETTINGS if cell else {}, histories))
    return compared
