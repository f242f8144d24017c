"""The address of a SQLite database in every form that MLflow takes: its file, made once, and found from elsewhere."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.tracking.database import absolute, database_file
from pipeline.tracking.retry import StoreError
from pipeline.tracking.runs import open_run
from pipeline.tracking.store import artifact_folder, check_store, is_here, search, variables

Call = Callable[..., tuple[int, str, str]]
ADDRESSES = {
    "sqlite:///mlflow.db?timeout=60": "mlflow.db",
    "sqlite+pysqlite:///sub/folder/x.db?timeout=60&check_same_thread=false": "sub/folder/x.db",
    "sqlite:///a b%20c%25.db": "a b c%.db",
    "sqlite:///what%3F.db": "what?.db",
    "sqlite:///file:with%20space.db?mode=rwc&uri=true": "with space.db",
    "sqlite:////{folder}/abs.db?timeout=60": "abs.db",
    "sqlite:///file:{folder}/abs.db?uri=true&timeout=60": "abs.db",
}


@pytest.mark.parametrize(("uri", "file"), ADDRESSES.items(), ids=ADDRESSES)
def test_every_form_of_address_names_its_file_and_is_used_and_found_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, file: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri := uri.format(folder=tmp_path).replace("sqlite://///", "sqlite:////"))
    assert (database_file(uri), is_here()) in ((Path(file), True), (tmp_path / file, True))
    assert check_store().endswith("is empty: the first run creates its tables")
    with open_run("prepare", "prepare-x") as run:
        run.log_texts({"file.txt": "x"})
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert files == sorted([file, f"mlruns/0/{run.id}/artifacts/file.txt"])
    assert check_store() == f"{uri} answers"
    assert artifact_folder() == tmp_path / "mlruns" / "0"
    given = variables()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert [found.info.run_id for found in search("attributes.status = 'FINISHED'")] == [run.id]
    assert [path for path in (tmp_path / "elsewhere").rglob("*") if path.is_file()] == []


def test_the_query_of_an_address_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute("sqlite:///mlflow.db?timeout=60") == f"sqlite:///{tmp_path}/mlflow.db?timeout=60"
    for other in ("http://127.0.0.1:5000", "postgresql://ada@db/mlflow", f"{tmp_path}/mlruns", "databricks"):
        assert (absolute(other), database_file(other)) == (other, None)


NO_FILE = [
    "sqlite://",
    "sqlite:///",
    "sqlite:///:memory:",
    "sqlite:///file:x?mode=memory&uri=true",
    "sqlite://mlflow.db",
]


@pytest.mark.parametrize("uri", NO_FILE)
def test_an_address_without_a_file_is_refused_with_one_that_has_one(
    call: Call, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    code, _out, err = call("prepare", "--dataset=Digits")
    assert (code, err.count("\n")) == (2, 1)
    assert err.endswith("set MLFLOW_TRACKING_URI to sqlite:///mlflow.db\n")
    with pytest.raises(StoreError, match="names no file"):
        check_store()


@pytest.mark.parametrize("query", ["timeout=soon", "tiemout=60"])
def test_a_wrong_query_is_one_line(call: Call, monkeypatch: pytest.MonkeyPatch, store: str, query: str) -> None:
    for uri in (f"{store}?{query}", f"sqlite:///new.db?{query}"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        code, _out, err = call("prepare", "--dataset=Digits")
        assert (code, err.count("\n")) == (2, 1), err
        assert query.partition("=")[2 if "soon" in query else 0] in err


def test_a_folder_and_a_missing_driver_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"is a folder: set MLFLOW_TRACKING_URI to sqlite:///{tmp_path}/mlflow.db"):
        database_file(f"sqlite:///{tmp_path}")
    with pytest.raises(StoreError, match=r"needs a driver \(No module named 'aiosqlite'\): set it to sqlite:///x.db"):
        database_file("sqlite+aiosqlite:///x.db")
