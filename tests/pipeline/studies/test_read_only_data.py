"""A study whose data folder may only be read: results go to the cache folder, and nothing there changes."""

from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest

pytestmark = pytest.mark.usefixtures("unrendered")
Call = Callable[..., tuple[int, str, str]]


def state(folder: Path) -> dict[Path, tuple[int, int]]:
    found = {path: path.lstat() for path in (folder, *folder.rglob("*"))}
    return {path: (its.st_mtime_ns, its.st_ino) for path, its in found.items()}


def test_a_study_trains_on_what_is_prepared_in_a_read_only_folder(
    call: Call, small_options: dict[str, str], tmp_path: Path, read_only: Callable[[Path], None]
) -> None:
    folder = tmp_path / "shared"
    given = [f"--{name}={value}" for name, value in (small_options | {"data_dir": str(folder), "seeds": "3"}).items()]
    assert call("prepare", *given[:-1])[0] == 0
    before = state(folder)
    read_only(folder)
    code, out, err = call("study", *given)
    assert (code, err) == (0, ""), err
    kept = tmp_path / "cache" / "layerwise" / "outbox"
    assert out.count(f"{folder} may only be read: unsent results are kept in {kept}") == 1
    assert state(folder) == before
    assert kept.is_dir()
    assert not list(kept.parent.glob("prepared/*"))
    (study,) = mlflow.MlflowClient().search_runs(["0"], "tags.`layerwise.kind` = 'study'")
    assert study.info.status == "FINISHED"


def test_what_is_missing_in_a_read_only_folder_is_prepared_in_the_cache_folder(
    call: Call, small_options: dict[str, str], tmp_path: Path, read_only: Callable[[Path], None]
) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    read_only(folder)
    code, out, _err = call("prepare", *(f"--{k}={v}" for k, v in (small_options | {"data_dir": folder}).items()))
    assert code == 0
    assert f"in {folder} or {tmp_path}/cache/layerwise" in out
    assert list(folder.iterdir()) == []
    assert (tmp_path / "cache" / "layerwise" / "prepared").is_dir()


def test_without_any_folder_to_write_nothing_is_trained(
    call: Call, small_options: dict[str, str], tmp_path: Path, read_only: Callable[[Path], None]
) -> None:
    folder = tmp_path / "shared"
    given = [f"--{name}={value}" for name, value in (small_options | {"data_dir": str(folder)}).items()]
    assert call("prepare", *given)[0] == 0
    (tmp_path / "cache").mkdir(exist_ok=True)
    for closed in (folder, tmp_path / "cache"):
        read_only(closed)
    code, _out, err = call("study", *given)
    assert (code, err.count("\n")) == (2, 1)
    assert f"results cannot be kept: {tmp_path}/cache is not writable: name a folder with data_dir" in err
