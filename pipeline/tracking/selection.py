"""The studies that are to be compared: named, found by a filter, or all of an experiment."""

import mlflow
from mlflow.entities import Run as StoredRun

from pipeline.tracking.runs import KIND, PARENT, STUDY
from pipeline.tracking.store import StoreError, current_experiment, first_line, open_store, search
from pipeline.tracking.stored import RunNotFound, StoredStudy, find_study, read_study, seeds_of_study

ALL = "all"
WAYS = "give all, ids of studies' runs separated by commas, or a filter such as \"params.lr = '0.1'\""


def select_studies(wanted: str) -> list[StoredStudy]:
    """Return studies with finished seeds, in the order in which they started; raise RunNotFound.

    Of those that a filter or `all` finds with equal settings and epochs, the newest stands for all.
    """
    wanted = wanted.strip()
    if not wanted:
        raise RunNotFound(f"studies is empty: {WAYS}")
    names = [name.strip() for name in wanted.split(",")]
    if wanted != ALL and all(name.isalnum() for name in names):
        open_store()
        return _in_order([find_study(name) for name in dict.fromkeys(names)])
    finished = [run for run in _found("" if wanted == ALL else wanted) if _has_finished(run)]
    newest = {(run.data.tags.get(STUDY, run.info.run_id), run.data.params.get("epochs")): run for run in finished}
    studies = _in_order([read_study(run.info.run_id) for run in newest.values()])
    if not studies:
        found = "no study with finished seeds" + ("" if wanted == ALL else f" for which {wanted}")
        raise RunNotFound(f"experiment {current_experiment()} on {mlflow.get_tracking_uri()} has {found}: {WAYS}")
    return studies


def studies_of_sweep(run_id: str) -> list[StoredStudy]:
    """Return the studies below a sweep's run that have finished seeds, in the order in which they started."""
    found = _found(f"tags.`{PARENT}` = '{run_id}'")
    return [read_study(run.info.run_id) for run in found if _has_finished(run)]


def _in_order(studies: list[StoredStudy]) -> list[StoredStudy]:
    return sorted(studies, key=lambda study: study.started)


def _found(condition: str) -> list[StoredRun]:
    try:
        return search(f"tags.`{KIND}` = 'study'" + (f" and {condition}" if condition else ""))
    except StoreError as error:
        reason = error.__cause__
        if getattr(reason, "error_code", "") != "INVALID_PARAMETER_VALUE":
            raise
        raise RunNotFound(f"studies is no filter that MLflow knows ({first_line(reason or error)}): {WAYS}") from None


def _has_finished(run: StoredRun) -> bool:
    return any(seed.finished for seed in seeds_of_study(run.info.run_id))
