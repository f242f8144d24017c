"""MNIST and FMNIST from small IDX files, Debian's package, and a download from a local server."""

import gzip
import http.server
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.datasets import MNIST
from torchvision.datasets.utils import calculate_md5

import data.mnist
from data import DATASETS, DataError
from data.mnist import FILES
from data.prepared import prepare

RAW = {"MNIST": "MNIST/raw", "FMNIST": "FashionMNIST/raw"}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_images: Any, write_idx: Any) -> Iterator[Path]:
    """A folder of MNIST's packed files on a local server in place of torchvision's mirrors."""
    folder = tmp_path / "served"
    write_idx(make_images(), folder, packed=True)
    sums = {path.name: calculate_md5(path) for path in folder.iterdir()}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.02))
    thread.start()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    monkeypatch.setattr(MNIST, "resources", [(f"{name}.gz", sums[f"{name}.gz"]) for name in FILES])
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the Debian package, moved to where a test can fill it."""
    monkeypatch.setattr(data.mnist, "DEBIAN", tmp_path / "debian")
    return tmp_path / "debian"


@pytest.mark.parametrize("name", RAW)
def test_idx_files_are_read(name: str, tmp_path: Path, make_images: Any, write_idx: Any, equal: Any) -> None:
    images = make_images()
    write_idx(images, tmp_path / RAW[name])
    assert DATASETS[name].find(tmp_path) == [tmp_path / RAW[name] / file for file in FILES]
    assert equal(DATASETS[name].read(tmp_path), images)


def test_incomplete_files_are_not_found(tmp_path: Path, make_images: Any, write_idx: Any) -> None:
    write_idx(make_images(), tmp_path / RAW["MNIST"])
    (tmp_path / RAW["MNIST"] / FILES[3]).unlink()
    assert DATASETS["MNIST"].find(tmp_path) == []


def test_an_old_pickle_of_torchvision_is_ignored(tmp_path: Path, make_images: Any, write_idx: Any, equal: Any) -> None:
    images = make_images()
    write_idx(images, tmp_path / RAW["MNIST"])
    old = tmp_path / "MNIST" / "processed"
    old.mkdir()
    for name in ("training.pt", "test.pt"):
        torch.save((torch.zeros(2, 28, 28, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64)), old / name)
    assert equal(DATASETS["MNIST"].read(tmp_path), images)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: content[:3], lambda _: b""])
def test_a_damaged_file_raises_one_line_with_a_remedy(
    file: str, damage: Callable[[bytes], bytes], tmp_path: Path, make_images: Any, write_idx: Any
) -> None:
    write_idx(make_images(), tmp_path / RAW["MNIST"])
    path = tmp_path / RAW["MNIST"] / file
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"MNIST/raw is damaged.*delete it") as failure:
        prepare(DATASETS["MNIST"], tmp_path)
    assert "\n" not in str(failure.value)


def test_fewer_labels_than_images_are_refused(tmp_path: Path, make_images: Any, write_idx: Any) -> None:
    images = make_images()
    write_idx(images._replace(y_test=images.y_test[:-1]), tmp_path / RAW["MNIST"])
    with pytest.raises(DataError, match="6 test images but 5 labels"):
        prepare(DATASETS["MNIST"], tmp_path)


def test_fmnist_is_read_from_debian_s_package(
    tmp_path: Path,
    debian: Path,
    no_network: list[str],
    make_images: Any,
    write_idx: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    images = make_images()
    write_idx(images, debian, packed=True)
    prepared = prepare(DATASETS["FMNIST"], tmp_path / "cache")
    assert prepared.y_train.tolist() == images.y_train.tolist()
    assert prepared.manifest.classes[9] == "Ankle boot"
    assert "dataset-fashion-mnist" in caplog.messages[0]
    assert no_network == []


def test_files_in_the_data_folder_take_precedence_over_debian_s(
    tmp_path: Path, debian: Path, make_images: Any, write_idx: Any
) -> None:
    write_idx(make_images(seed=1), debian, packed=True)
    write_idx(make_images(train=9), tmp_path / "cache" / RAW["FMNIST"])
    assert len(prepare(DATASETS["FMNIST"], tmp_path / "cache").y_train) == 9


@pytest.mark.parametrize(
    "content",
    [gzip.compress(b"x" * 999)[:20], b"\x1f\x8b\x08\0\0\0\0\0\0\3\xff\xff\xff", b"no"],
    ids=["cut short", "no data", "no gzip"],
)
def test_a_damaged_debian_package_is_named_and_the_download_tried(
    content: bytes, tmp_path: Path, debian: Path, no_network: list[str], make_images: Any, write_idx: Any
) -> None:
    write_idx(make_images(), debian, packed=True)
    (debian / f"{FILES[2]}.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"dataset-fashion-mnist.*torchvision's download"):
        prepare(DATASETS["FMNIST"], tmp_path / "cache")
    assert no_network
    assert DATASETS["FMNIST"].find(tmp_path / "cache") == []


def test_mnist_is_downloaded_once(
    tmp_path: Path, served: Path, make_images: Any, caplog: pytest.LogCaptureFixture
) -> None:
    images = make_images()
    prepared = prepare(DATASETS["MNIST"], tmp_path / "cache")
    assert caplog.messages[0] == "MNIST: trying torchvision's download"
    assert "7 of 10 classes have no training image" in caplog.messages[1]
    assert np.array_equal(prepared.y_test, images.y_test)
    assert prepared.manifest.source == str(tmp_path / "cache" / RAW["MNIST"])
    for path in served.iterdir():
        path.unlink()
    again = prepare(DATASETS["MNIST"], tmp_path / "cache")
    assert again.manifest == prepared.manifest
    assert len(caplog.messages) == 2


def test_an_incomplete_download_leaves_no_files(tmp_path: Path, served: Path) -> None:
    whole = served / f"{FILES[3]}.gz"
    whole.write_bytes(whole.read_bytes()[:-4])
    with pytest.raises(DataError, match=r"File not found or corrupted"):
        prepare(DATASETS["MNIST"], tmp_path / "cache")
    assert [path for path in (tmp_path / "cache").rglob("*") if path.suffix != ".lock"] == [tmp_path / "cache/prepared"]
