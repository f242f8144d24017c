"""A project's folder that was moved or copied: one line, nothing in the old place, and a command that corrects it."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest

from pipeline.tracking.moved import moved_experiments
from pipeline.tracking.retry import StoreError
from pipeline.tracking.runs import open_run
from pipeline.tracking.store import check_store, open_store

Call = Callable[..., tuple[int, str, str]]
COMMANDS = ["study", "train", "aggregate", "sweep", "prepare", "compare"]


@pytest.fixture
def enter(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], str]:
    """Return a function that makes a folder the working one, with the store in it, and returns the address."""

    def change(folder: Path, uri: str = "sqlite:///{folder}/mlflow.db") -> str:
        folder.mkdir(parents=True, exist_ok=True)
        monkeypatch.chdir(folder)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(folder=folder))
        return uri.format(folder=folder)

    return change


@pytest.fixture
def project(call: Call, enter: Callable[[Path], str], empty_store: Path, tmp_path: Path) -> Path:  # noqa: ARG001
    """A folder with settings and a store whose artifacts belong beside it, as the working one."""
    folder = tmp_path / "project"
    enter(folder)
    shutil.copy(tmp_path / "params.yaml", folder)
    shutil.copy(empty_store, folder / "mlflow.db")
    with sqlite3.connect(folder / "mlflow.db") as database:
        database.execute("UPDATE experiments SET artifact_location = ?", (str(folder / "mlruns" / "0"),))
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def move(project: Path, target: Path) -> None:
    project.rename(target)


def copy(project: Path, target: Path) -> None:
    shutil.copytree(project, target)


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize("change", [move, copy], ids=["moved", "copied"])
def test_every_command_says_where_what_is_and_after_relocate_everything_is_found(
    call: Call,
    project: Path,
    enter: Callable[[Path], str],
    tmp_path: Path,
    small_options: dict[str, str],
    change: Callable[[Path, Path], None],
) -> None:
    given = [f"--{name}={value}" for name, value in (small_options | {"epochs": "1"}).items()]
    assert call("study", *given, "--seeds=3")[0] == 0
    other = tmp_path / "other place"
    change(project, other)
    before, uri = files(project), enter(other)
    for command in COMMANDS:
        more = {"train": ["--seed=3"], "compare": []}.get(command, ["--seeds=3,4"])
        code, _out, err = call(command, *([] if command == "compare" else given), *more)
        assert (code, err) == (
            2,
            f"error: {other}/mlflow.db names {project}/mlruns for the artifacts of its runs, but was moved or copied "
            f"with them to {other}/mlruns: `python -m pipeline relocate` corrects it\n",
        )
    code, out, _err = call("doctor")
    assert (code, f"but was moved or copied with them to {other}/mlruns" in out) == (1, True)
    assert call("relocate")[:2] == (0, f"{project}/mlruns/0 is now {other}/mlruns/0\n")
    assert call("relocate")[:2] == (0, f"{uri}: nothing to correct\n")
    code, out, err = call("study", *given, "--seeds=3,4", "--epochs=2")
    assert (code, "seed 3: resumes after epoch 1" in out) == (0, True), err
    assert call("compare")[0] == 0
    assert files(project) == before
    for run in mlflow.MlflowClient().search_runs(["0"]):
        assert Path(run.info.artifact_uri).is_relative_to(other)
        assert any(Path(run.info.artifact_uri).iterdir())


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("change", [move, copy], ids=["moved", "copied"])
def test_models_of_a_moved_store_are_found_once_it_is_corrected(
    call: Call,
    project: Path,
    enter: Callable[[Path], str],
    tmp_path: Path,
    small_options: dict[str, str],
    change: Callable,
) -> None:
    given = [f"--{name}={value}" for name, value in (small_options | {"epochs": "1", "seeds": "3"}).items()]
    assert call("study", *given, "--register=true")[0] == 0
    change(project, tmp_path / "other")
    shutil.rmtree(project, ignore_errors=True)
    enter(tmp_path / "other")
    assert call("relocate")[0] == 0
    assert mlflow.pyfunc.load_model("models:/Small-tiny@best").metadata.signature is not None


def test_a_database_that_was_moved_without_its_artifacts_says_where_to_put_them(
    call: Call, project: Path, enter: Callable[[Path], str], tmp_path: Path
) -> None:
    with open_run("prepare", "prepare-x") as run:
        run.log_texts({"file.txt": "x"})
    (tmp_path / "other").mkdir()
    shutil.move(project / "mlflow.db", tmp_path / "other")
    project.rename(tmp_path / "kept")
    enter(tmp_path / "other")
    with pytest.raises(StoreError, match=rf"gone: put them into {tmp_path}/other/mlruns, and `python -m pipeline relo"):
        open_store()
    assert not project.exists()
    shutil.move(tmp_path / "kept" / "mlruns", tmp_path / "other")
    assert call("relocate")[0] == 0
    found = mlflow.MlflowClient().get_run(run.id)
    assert (Path(found.info.artifact_uri) / "file.txt").read_text() == "x"


def test_a_copy_of_the_database_alone_writes_nothing_into_the_folder_of_the_first_one(
    call: Call, project: Path, enter: Callable[[Path], str], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    shutil.copy(project / "mlflow.db", tmp_path / "other")
    enter(tmp_path / "other")
    with pytest.raises(StoreError, match=rf"so this is a copy: copy the artifacts to {tmp_path}/other/mlruns, and"):
        open_store()
    assert call("relocate")[0] == 0
    with open_run("prepare", "prepare-x") as run:
        run.log_texts({"file.txt": "x"})
    assert not (project / "mlruns").exists()
    assert (tmp_path / "other" / "mlruns" / "0" / run.id / "artifacts" / "file.txt").is_file()


def test_all_experiments_are_corrected_also_an_empty_one_and_a_deleted_one(
    call: Call, project: Path, enter: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "layers")
    with open_run("prepare", "prepare-x") as run:
        run.log_texts({"file.txt": "x"})
    ids = [
        "0",
        *(open_store().create_experiment(name) for name in "abcdefghij"),
        run.client.get_run(run.id).info.experiment_id,
    ]
    open_store().delete_experiment(ids[3])
    copy(project, tmp_path / "other")
    enter(tmp_path / "other")
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    with pytest.raises(StoreError, match="moved or copied"):
        open_store()
    assert call("relocate")[0] == 0
    places = {each: mlflow.MlflowClient().get_experiment(each).artifact_location for each in ids}
    assert places == {each: str(tmp_path / "other" / "mlruns" / each) for each in ids}


@pytest.mark.parametrize("cwd", ["", "elsewhere"])
def test_a_project_is_found_in_its_folder_whatever_the_database_s(
    project: Path, enter: Callable[..., str], tmp_path: Path, cwd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database may have a folder of its own, in the project or elsewhere."""
    (tmp_path / "elsewhere").mkdir()
    enter(project, "sqlite:///{folder}/stores/new.db" if not cwd else f"sqlite:///{tmp_path}/elsewhere/new.db")
    with open_run("prepare", "prepare-x") as run:
        run.log_texts({"file.txt": "x"})
    monkeypatch.chdir(tmp_path)
    assert list(moved_experiments(mlflow.get_tracking_uri())) == []
    assert check_store().endswith("answers")


def test_a_place_that_a_person_has_chosen_is_no_sign_of_a_move(project: Path, enter: Callable, tmp_path: Path) -> None:
    client = open_store()
    for name, place in {"data": "/data/x", "bucket": "s3://b/mlruns/2", "gone": f"{tmp_path}/gone/runs/3"}.items():
        client.create_experiment(name, artifact_location=place)
    (tmp_path / "link").symlink_to(project)
    uri = enter(tmp_path / "link")
    assert list(moved_experiments(uri)) == []
    assert check_store().endswith("answers")
