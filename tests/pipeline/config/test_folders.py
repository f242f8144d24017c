"""Where a study on this machine reads data and keeps results, where the data folder may be read alone."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.config.folders import data_folder, data_folders, outbox_folder
from pipeline.config.resolve import load_config
from pipeline.config.settings import Config

ROOT = Path(__file__).parents[3]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    return replace(load_config({}), data_dir=str(tmp_path / "data"))


def test_without_data_dir_everything_is_in_the_cache_folder(config: Config, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "layerwise"
    assert data_folder(None) == str(cache)
    config = replace(config, data_dir=data_folder(None))
    assert (data_folders(config), outbox_folder(config)) == ([cache], cache / "outbox")


def test_a_folder_that_can_be_written_has_everything(config: Config, tmp_path: Path) -> None:
    assert (data_folders(config), outbox_folder(config)) == ([tmp_path / "data"], tmp_path / "data" / "outbox")


def test_beside_a_read_only_folder_the_cache_folder_is_written(
    config: Config, tmp_path: Path, read_only: Callable[[Path], None]
) -> None:
    cache = tmp_path / "cache" / "layerwise"
    read_only(tmp_path / "data")
    assert (data_folders(config), outbox_folder(config)) == ([tmp_path / "data", cache], cache / "outbox")


def test_only_what_another_user_has_closed_moves(
    config: Config, tmp_path: Path, read_only: Callable[[Path], None]
) -> None:
    (tmp_path / "data" / "outbox").mkdir()
    read_only(tmp_path / "data" / "outbox")
    assert data_folders(config) == [tmp_path / "data"]
    assert outbox_folder(config) == tmp_path / "cache" / "layerwise" / "outbox"


def test_a_folder_that_is_missing_or_a_file_is_not_replaced(
    config: Config, tmp_path: Path, read_only: Callable[[Path], None]
) -> None:
    (tmp_path / "file").touch()
    for given in (tmp_path / "misspelt", tmp_path / "file"):
        read_only(tmp_path)
        wrong = replace(config, data_dir=str(given))
        assert (data_folders(wrong), outbox_folder(wrong)) == ([given], given / "outbox")


def test_a_folder_that_may_not_be_read_is_not_replaced(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _path, mode: mode == os.F_OK)
    assert data_folders(config) == [Path(config.data_dir)]
