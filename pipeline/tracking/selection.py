"""The studies that are to be compared: named, found by a filter, or all of an experiment."""

import logging
from collections.abc import Sequence

import mlflow
from mlflow.entities import Run as StoredRun

from pipeline.tracking.queries import RunNotFound, StoredStudy, find_study, seeds_of_study, stored_study
from pipeline.tracking.retry import StoreError, first_line
from pipeline.tracking.run import KIND, PARENT
from pipeline.tracking.store import current_experiment, open_store, reaching_store, search

ALL = "all"
WAYS = "give all, ids of studies' runs separated by commas, or a filter such as \"tags.layerwise.lr = '0.1'\""
log = logging.getLogger(__name__)


def select_studies(wanted: str) -> list[StoredStudy]:
    """Return studies with finished seeds, in the order in which they started; raise RunNotFound.

    Of those that a filter or `all` finds with equal settings, the one with the most seeds and epochs is taken.
    """
    wanted = wanted.strip()
    if not wanted:
        raise RunNotFound(f"studies is empty: {WAYS}")
    names = [name.strip() for name in wanted.split(",")]
    if wanted != ALL and all(name.isalnum() for name in names):
        open_store()
        return _in_order([find_study(name) for name in dict.fromkeys(names)])
    studies = _largest(_finished(_found("" if wanted == ALL else wanted)))
    if not studies:
        found = "no study with finished seeds" + ("" if wanted == ALL else f" for which {wanted}")
        raise RunNotFound(f"experiment {current_experiment()} on {mlflow.get_tracking_uri()} has {found}: {WAYS}")
    return studies


def studies_of_sweep(run_id: str) -> list[StoredStudy]:
    """Return the studies below a sweep's run that have finished seeds, in the order in which they started."""
    return [study for study, _seeds in _finished(_found(f"tags.`{PARENT}` = '{run_id}'"))]


def _largest(studies: Sequence[tuple[StoredStudy, int]]) -> list[StoredStudy]:
    """Return the study with the most seeds and epochs of each settings, the newest of equals; report the others."""
    largest: dict[str, tuple[StoredStudy, int]] = {}
    for study, seeds in studies:
        known, count = largest.get(study.hash, (study, 0))
        if seeds * study.epochs >= count * known.epochs:
            largest[study.hash] = study, seeds
    for study, seeds in studies:
        chosen, count = largest[study.hash]
        if (seeds, study.epochs) != (count, chosen.epochs):
            log.info(
                "%s (run %s) is left out: it has %s seeds x %s epochs, and the run %s of equal settings has %s x %s",
                *(study.name, study.id, seeds, study.epochs),
                *(chosen.id, count, chosen.epochs),
            )
    return [study for study, _seeds in largest.values()]


def _finished(runs: Sequence[StoredRun]) -> list[tuple[StoredStudy, int]]:
    """Return the studies that have finished seeds, and how many."""
    studies = [stored_study(run) for run in runs]
    counted = [(study, len(seeds_of_study(study))) for study in studies if study.settings]
    return [(study, seeds) for study, seeds in counted if seeds]


def _in_order(studies: list[StoredStudy]) -> list[StoredStudy]:
    return sorted(studies, key=lambda study: study.started)


def _found(condition: str) -> list[StoredRun]:
    with reaching_store():
        current_experiment()  # an answer to a wrong id would look like one to a wrong filter
    try:
        return search(f"tags.`{KIND}` = 'study'" + (f" and {condition}" if condition else ""))
    except StoreError as error:
        reason = error.__cause__
        if getattr(reason, "error_code", "") != "INVALID_PARAMETER_VALUE":
            raise
        raise RunNotFound(f"studies is no filter that MLflow knows ({first_line(reason or error)}): {WAYS}") from None
