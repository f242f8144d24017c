"""Records: a study in a folder without its weights, and the same study in another store."""

import shutil
from collections.abc import Callable
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.entities import Run

from pipeline.tracking.store import search
from pipeline.tracking.tables import EPOCH_TABLE, LAYER_TABLE, LEVEL_TABLE

pytestmark = pytest.mark.usefixtures("unrendered")
Call = Callable[..., tuple[int, str, str]]
TABLES = (EPOCH_TABLE, LAYER_TABLE, LEVEL_TABLE)


def runs(kind: str) -> list[Run]:
    return search(f"tags.`layerwise.kind` = '{kind}'")


def text(run: Run, name: str) -> str:
    return str(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/{name}"))


def points(run: Run) -> dict[str, list[tuple[int, float]]]:
    client = mlflow.MlflowClient()
    return {
        key: [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, key)]
        for key in run.data.metrics
    }


def test_a_restored_study_is_the_recorded_one(
    call: Call, small_options: dict[str, str], tmp_path: Path, new_store: Callable[[Path], str]
) -> None:
    given = [f"--{name}={value}" for name, value in small_options.items()]
    assert call("study", *given, "--seeds=0,1")[0] == 0
    trained, (study,) = {run.data.params["seed"]: run for run in runs("seed")}, runs("study")
    before = {seed: ([text(run, name) for name in TABLES], points(run)) for seed, run in trained.items()}
    layers = pd.read_csv(f"{study.info.artifact_uri}/tables/layers.csv")
    records = tmp_path / "records"
    code, printed, _errors = call("record", f"--folder={records}")
    assert (code, printed) == (0, f"Small-tiny: {next(records.iterdir())}\n")
    assert sum(path.stat().st_size for path in records.rglob("*.zip")) < 100_000

    new_store(tmp_path / "elsewhere")
    code, printed, _errors = call("restore", f"--folder={records}")
    assert (code, "2 of 2 seeds restored" in printed) == (0, True)
    restored, (again,) = {run.data.params["seed"]: run for run in runs("seed")}, runs("study")
    assert {seed: ([text(run, name) for name in TABLES], points(run)) for seed, run in restored.items()} == before
    pd.testing.assert_frame_equal(pd.read_csv(f"{again.info.artifact_uri}/tables/layers.csv"), layers)
    assert again.data.params | {"data_dir": ""} == study.data.params | {"data_dir": ""}
    assert [run.info.status for run in (again, *restored.values())] == ["FINISHED"] * 3
    for seed, run in restored.items():
        assert run.info.start_time == trained[seed].info.start_time
        for tag in ("layerwise.machine", "layerwise.versions", "layerwise.commit"):
            assert run.data.tags[tag] == trained[seed].data.tags[tag]

    code, printed, _errors = call("restore", f"--folder={records}")
    assert (code, printed) == (0, "Small-tiny: the store has it, with its 2 seeds\n")
    assert call("compare")[0] == 0
    code, printed, _errors = call("study", *given, "--seeds=0,1,2")
    assert (code, printed.count("reused, finished"), len(runs("seed"))) == (0, 2, 3)


def test_seeds_that_the_store_has_stay_and_missing_ones_are_said(
    call: Call, small_options: dict[str, str], tmp_path: Path, new_store: Callable[[Path], str]
) -> None:
    given = [f"--{name}={value}" for name, value in small_options.items()]
    assert call("study", *given, "--seeds=0,1")[0] == 0
    assert call("record", f"--folder={tmp_path / 'records'}")[0] == 0
    new_store(tmp_path / "elsewhere")
    assert call("study", *given, "--seeds=0")[0] == 0
    (own,) = runs("seed")
    code, printed, _errors = call("restore", f"--folder={tmp_path / 'records'}")
    assert (code, "1 of 2 seeds restored" in printed) == (0, True)
    assert [run.data.params["seed"] for run in runs("seed")].count("0") == 1
    assert own.info.run_id in [run.info.run_id for run in runs("seed")]

    next((tmp_path / "records").rglob("seed-1.zip")).unlink()
    new_store(tmp_path / "third")
    code, _printed, errors = call("restore", f"--folder={tmp_path / 'records'}")
    assert (code, "1 of 2 seeds finished; missing: 1" in errors) == (0, True)


def test_no_paths_of_the_machine_are_recorded(call: Call, small_options: dict[str, str], tmp_path: Path) -> None:
    given = [f"--{name}={value}" for name, value in (small_options | {"data_dir": f"{tmp_path}/mine"}).items()]
    assert call("study", *given, "--seeds=0")[0] == 0
    assert call("record", f"--folder={tmp_path / 'records'}")[0] == 0
    for path in (tmp_path / "records").rglob("*.zip"):
        shutil.unpack_archive(path, tmp_path / "unpacked")
    assert not any("mine" in path.read_text() for path in (tmp_path / "unpacked").rglob("*") if path.is_file())


def test_a_folder_without_records_and_a_damaged_record_are_refused(call: Call, tmp_path: Path) -> None:
    code, _printed, errors = call("restore", f"--folder={tmp_path / 'nothing'}")
    assert code == 2
    assert errors.startswith("error: folder must hold records of studies, which `record` writes; there are none in '/")
    (tmp_path / "study.zip").write_bytes(b"not an archive")
    code, _printed, errors = call("restore", f"--folder={tmp_path}")
    assert code == 2
    assert f"the record {tmp_path}/study.zip is damaged" in errors
    assert errors.endswith("copy it again\n")
