"""Recorded studies in a tracking store: as if their seeds had been trained there, but without weights."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow.entities import Dataset, DatasetInput, InputTag

from pipeline.tracking.heartbeat import RELEASED, signs_of_life
from pipeline.tracking.mlflow_internals import DATASET_CONTEXT
from pipeline.tracking.outbox import Outbox
from pipeline.tracking.queries import runs_of_settings, seeds_of_study, stored_study
from pipeline.tracking.records import Record
from pipeline.tracking.run import KIND, PARENT, STUDY, Run
from pipeline.tracking.seed_log import SeedLog
from pipeline.tracking.store import current_experiment, open_store, search
from pipeline.tracking.tables import COLUMNS, LAYER_TABLE, Table


def restore(study: Record, seeds: Sequence[Record]) -> tuple[Run, int] | None:
    """Restore a study, and those of its seeds that the store lacks; return its run, and how many seeds came with it.

    None where the store has a study of these settings with all of the seeds.
    """
    if _has(study, seeds):
        return None
    run = _create(study)
    finished = [each for each in runs_of_settings(study.study_hash) if each.finished]
    known = {each.number for each in finished if each.has(study.epochs)}
    missing = [seed for seed in seeds if seed.seed not in known]
    for seed in missing:
        _restore_seed(seed, run)
    _end(run)
    return run, len(missing)


def _has(study: Record, seeds: Sequence[Record]) -> bool:
    condition = f"tags.`{KIND}` = 'study' and tags.`{STUDY}` = '{study.study_hash}'"
    stored = [stored_study(run) for run in search(condition)]
    wanted = {seed.seed for seed in seeds}
    return any(
        wanted <= {seed.number for seed in seeds_of_study(each)} for each in stored if each.epochs >= study.epochs
    )


def _restore_seed(seed: Record, study: Run) -> None:
    run = _create(seed, study)
    tables = {name: text for name, text in seed.files.items() if name in COLUMNS}
    group_of = {row["layer"]: row["group"] for row in Table(LAYER_TABLE, tables[LAYER_TABLE], seed.epochs).rows()}
    with TemporaryDirectory() as folder:
        outbox = Outbox(run, Path(folder))
        SeedLog(run, outbox, group_of.__getitem__).fill(tables, seed.epochs)
        outbox.close(patience=0)
    _end(run)


def _create(record: Record, parent: Run | None = None) -> Run:
    """Return a new run of this process, with all of a record but the metrics in its tables."""
    client = open_store()
    tags = record.tags | signs_of_life() | ({PARENT: parent.id} if parent else {})
    created = client.create_run(current_experiment(), record.started, tags, record.name)
    run = Run(created.info.run_id)
    run.log_params(record.params)
    run.log_inputs([DatasetInput(Dataset(**record.dataset), [InputTag(DATASET_CONTEXT, "train")])])
    run.log_texts(record.files)
    return run


def _end(run: Run) -> None:
    run.client.set_terminated(run.id, "FINISHED")
    run.set_tags(RELEASED)
