"""Sources of a data set: their order, the error if none exists, and failed fetches."""

import socket
from collections.abc import Callable
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest
from torchvision.datasets import CIFAR10

import data.mnist
from data import DATASETS, DataError, DataSet
from data.datasets import Fetch
from data.sources import TIMEOUT_SECONDS, locate

FILES = ("one", "two", "three")


def fetched(*into: Callable[[Path], object]) -> DataSet:
    """Return a data set of three files with some ways to fetch them."""

    def find(data_dir: Path) -> list[Path]:
        files = [data_dir / "raw" / name for name in FILES]
        return files if all(file.is_file() for file in files) else []

    fetches = tuple(Fetch(f"way {number}", way) for number, way in enumerate(into, start=1))
    return DataSet(name="Three", find=find, read=lambda _: None, fetches=fetches)


def fetch_all(folder: Path) -> None:
    (folder / "raw").mkdir()
    for name in FILES:
        (folder / "raw" / name).write_text(name)


def fetch_one_then(error: BaseException) -> Callable[[Path], None]:
    def fetch(folder: Path) -> None:
        (folder / "raw").mkdir()
        (folder / "raw" / FILES[0]).write_text("on")
        raise error

    return fetch


@pytest.mark.parametrize("name", ["CIFAR-10", "CIFAR-100", "MNIST", "FMNIST"])
def test_without_files_and_internet_one_line_names_the_remedies(
    name: str, tmp_path: Path, no_network: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(data.mnist, "DEBIAN", tmp_path / "no-debian")
    with pytest.raises(DataError) as failure:
        locate(DATASETS[name], tmp_path)
    message = str(failure.value)
    assert message.startswith(f"{name} was not found: tried {name}.npz and the original files in {tmp_path}, ")
    assert "torchvision's download (" in message
    assert "no route to host" in message
    assert message.endswith("put one of them there, or name their folder with data_dir")
    assert "\n" not in message
    assert ("dataset-fashion-mnist" in message) == (name == "FMNIST")
    assert caplog.messages[-1] == f"{name}: trying torchvision's download"
    assert no_network
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("spelling", ["cifar-10", "CIFAR10", "cifar_10"])
def test_npz_takes_precedence_over_the_original_files(
    spelling: str, tmp_path: Path, make_images: Any, npz_of: Any, cifar_files: Any, write_batches: Any, equal: Any
) -> None:
    original, custom = make_images(32, 3, seed=0), make_images(32, 3, seed=1)
    write_batches(CIFAR10, cifar_files(CIFAR10, original), tmp_path)
    npz_of(custom, tmp_path / f"{spelling}.npz")
    source = locate(DATASETS["CIFAR-10"], tmp_path)
    assert source.files == [tmp_path / f"{spelling}.npz"]
    assert equal(source.read(), custom)
    source.files[0].unlink()
    assert equal(locate(DATASETS["CIFAR-10"], tmp_path).read(), original)


@pytest.mark.parametrize("spelling", ["FashionMNIST", "fashion-mnist", "FMNIST"])
def test_npz_of_an_alias_takes_precedence_over_idx_files(
    spelling: str, tmp_path: Path, make_images: Any, npz_of: Any, write_idx: Any, equal: Any
) -> None:
    original, custom = make_images(seed=0), make_images(seed=1)
    write_idx(original, tmp_path / "FashionMNIST" / "raw")
    npz_of(custom, tmp_path / f"{spelling}.npz")
    assert equal(locate(DATASETS["FMNIST"], tmp_path).read(), custom)


def test_the_first_fetch_that_succeeds_is_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dataset = fetched(fetch_one_then(OSError("first")), fetch_all, fetch_one_then(AssertionError("not reached")))
    files = locate(dataset, tmp_path).files
    assert [file.read_text() for file in files] == list(FILES)
    assert caplog.messages == ["Three: trying way 1", "Three: trying way 2"]
    assert locate(dataset, tmp_path).files == files
    assert len(caplog.messages) == 2


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("one\ntwo"), "one two"),
        (RuntimeError(), "RuntimeError"),
        (IncompleteRead(b"", 3), "IncompleteRead"),
        (TimeoutError("timed out"), "timed out"),
    ],
)
def test_a_failed_fetch_is_named_with_its_reason(error: Exception, reason: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as failure:
        locate(fetched(fetch_one_then(error)), tmp_path)
    assert f"way 1 ({reason}" in str(failure.value)
    assert "\n" not in str(failure.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), ValueError("a mistake in the code")])
def test_an_interrupted_fetch_leaves_no_files(error: BaseException, tmp_path: Path) -> None:
    with pytest.raises(type(error)):
        locate(fetched(fetch_one_then(error)), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_fetch_interrupted_between_two_files_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace, moved = Path.replace, []

    def second_fails(self: Path, target: Path) -> Path:
        moved.append(target)
        if len(moved) == 2:
            raise KeyboardInterrupt
        return replace(self, target)

    dataset = fetched(fetch_all)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", second_fails)
        with pytest.raises(KeyboardInterrupt):
            locate(dataset, tmp_path)
    assert len(list((tmp_path / "raw").iterdir())) == 1
    assert dataset.find(tmp_path) == []
    assert len(locate(dataset, tmp_path).files) == 3


def test_a_stalled_fetch_times_out_and_the_default_timeout_is_restored(tmp_path: Path) -> None:
    seen: list[float | None] = []

    def stall(_folder: Path) -> None:
        seen.append(socket.getdefaulttimeout())
        raise TimeoutError("stalled")

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(7.5)
    try:
        with pytest.raises(DataError, match="stalled"):
            locate(fetched(stall), tmp_path)
        assert (seen, socket.getdefaulttimeout()) == ([TIMEOUT_SECONDS], 7.5)
    finally:
        socket.setdefaulttimeout(before)
