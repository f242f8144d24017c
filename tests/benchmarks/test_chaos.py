"""What chaos compares can differ: a point that is missing, doubled, changed or too much is found."""

from collections import Counter
from pathlib import Path

import mlflow
import pytest

from benchmarks.chaos.record import compare, record

EXPECTED = {("seed-0", "metric", "rwc", "000001"): "0x1p-1", ("seed-0", "status"): "FINISHED"}


@pytest.mark.parametrize(
    ("found", "counts", "difference"),
    [
        (EXPECTED, {}, (0, 0, 0)),
        ({("seed-0", "status"): "FINISHED"}, {}, (1, 0, 0)),
        (EXPECTED, {("seed-0", "status"): 2}, (0, 1, 0)),
        (EXPECTED | {("seed-0", "status"): "KILLED"}, {}, (0, 0, 1)),
        (EXPECTED | {("runs left RUNNING", "x"): "seed-0"}, {}, (0, 0, 1)),
    ],
    ids=["equal", "lost", "doubled", "changed", "too much"],
)
def test_differences_are_counted(
    found: dict[tuple[str, ...], object], counts: dict[tuple[str, ...], int], difference: tuple[int, int, int]
) -> None:
    lost, doubled, other = compare(EXPECTED, found, Counter(counts))
    assert (len(lost), len(doubled), len(other)) == difference


def study(folder: Path, value: float) -> str:
    folder.mkdir()
    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    run_id = client.create_run("0", tags={"layerwise.kind": "study", "note": "of x"}, run_name="study").info.run_id
    client.set_tag(run_id, "note", f"about the run {run_id}")
    client.log_metric(run_id, "test_acc", value, step=1)
    client.set_terminated(run_id)
    return f"sqlite:///{folder}/mlflow.db"


@pytest.mark.slow
def test_a_record_is_of_the_store_on_disk(tmp_path: Path) -> None:
    first, second, third = (record(study(tmp_path / f"{value}", value)) for value in (0.5, 0.75, 1.0))
    assert compare(first[0], second[0], second[1]).other == [("study", "metric", "test_acc", "000001")]
    assert compare(second[0], third[0], third[1]).other == [("study", "metric", "test_acc", "000001")]
