"""A seed that resumes logs the metrics of its tables that the run lacks, each once."""

import math
from pathlib import Path

import mlflow
import pytest

from pipeline.tracking.outbox import Outbox
from pipeline.tracking.runs import open_run
from pipeline.tracking.seed_log import SeedLog
from pipeline.tracking.tables import COLUMNS


@pytest.mark.usefixtures("store")
def test_metrics_that_a_damaged_outbox_has_lost_come_from_the_tables_and_none_is_logged_twice() -> None:
    with open_run("seed", "seed-0") as run:
        first = SeedLog(run, Outbox(run, Path("outbox")), lambda _layer: "all")
        for epoch in (1, 2, 3):
            scalars = {"test_acc": 10.0 * epoch, "epoch_seconds": 1.0}
            first.log_epoch(epoch, scalars, {"rwc": {"a": 1 / epoch, "b": math.nan}}, {})
            if epoch == 2:
                next((first.outbox.folder / "metrics").glob("*.json")).unlink()  # never sent
            first.outbox.send()
        state = {"epoch": 3, "tables": {name: first.tables[name].text for name in COLUMNS}}
        again = SeedLog(run, Outbox(run, Path("outbox")), lambda _layer: "all")
        again.resume(state, ["a", "b"])
        again.outbox.close(0)

    def history(key: str) -> list[tuple[int, float]]:
        return sorted((point.step, point.value) for point in mlflow.MlflowClient().get_metric_history(run.id, key))

    assert history("test_acc") == [(1, 10.0), (2, 20.0), (3, 30.0)]
    assert history("rwc/01_a") == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
