"""What `doctor` finds on this machine: each check, where all is well and where something is missing."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from pipeline.commands import doctor
from pipeline.commands.doctor import Finding, attempt, data, device, disk, findings, packages, settings
from pipeline.config.resolve import load_config
from pipeline.config.settings import Config

ROOT = Path(__file__).parents[3]
Call = Callable[..., tuple[int, str, str]]
NAMES = ["packages", "device", "store", "settings", "data", "disk"]


@pytest.fixture
def config(store: str, tmp_path: Path) -> Config:  # noqa: ARG001  # it makes the folder that the study runs in
    return load_config({"dataset": "Digits", "device": "cpu", "data_dir": str(tmp_path / "data")})


@pytest.fixture(autouse=True)
def as_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of these tests are not about the packages installed here, nor about how busy the machine is."""
    monkeypatch.setattr(doctor, "packages", lambda: Finding("ok", "as pinned"))
    monkeypatch.setattr(doctor, "CHECK_SECONDS", 60.0)


def test_it_prints_a_line_a_check_and_creates_nothing(call: Call, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    code, out, _err = call("doctor")
    assert [line.split()[1] for line in out.splitlines()] == NAMES
    assert {line[:4] for line in out.splitlines()} <= {"ok  ", "note"}
    assert code == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_quiet_prints_notes_and_fixes_alone_and_a_fix_exits_with_1(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "mlruns"))
    for given in (["--quiet"], ["--quiet", "true"]):
        code, out, err = call("doctor", *given)
        assert (code, err) == (1, "")
        assert [line[:17] for line in out.splitlines() if line.startswith("fix")] == ["fix   store     /"]
        assert not [line for line in out.splitlines() if line.startswith("ok")]
    assert "ok    device" in call("doctor", "--quiet=false")[1]
    assert call("doctor", "--quiet=perhaps")[0] == 2


def test_a_server_that_never_answers_is_a_finding_after_seconds(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "CHECK_SECONDS", 2.0)
    before = sorted(tmp_path.rglob("*"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        code, out, _err = call("doctor")
    assert (code, "fix   store     no answer within 2 s: check the server" in out) == (1, True)
    assert len(out.splitlines()) == len(NAMES)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_check_that_raises_does_not_stop_the_others(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Finding:
        raise ValueError("the\ncause")

    remedy = "fix this and run doctor again"
    assert attempt(broken) == Finding("fix", "could not be checked (ValueError: the cause)", remedy)
    monkeypatch.setattr(doctor, "packages", broken)
    code, out, _err = call("doctor")
    assert (code, len(out.splitlines())) == (1, len(NAMES))


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    """The project's conda.yaml, but with the versions that are installed here."""

    def here(pin: re.Match[str]) -> str:
        try:
            return f"- {pin[1]}=={version(pin[1])}"
        except PackageNotFoundError:
            return f"# {pin[0]}"

    text = re.sub(r"- ([\w.-]+)==\S+", here, (ROOT / "conda.yaml").read_text())
    path = tmp_path / "conda.yaml"
    path.write_text(text.replace("python=3.11", f"python={sys.version_info[0]}.{sys.version_info[1]}"))
    return path


def test_installed_packages_that_meet_the_pins_are_ok(pins: Path) -> None:
    finding = packages(pins)
    assert (finding.level, "packages of conda.yaml" in finding.text) == ("ok", True), finding


@pytest.mark.parametrize(
    ("pinned", "wanted", "level", "text"),
    [
        ("click==", "click==7.0 #", "note", f"click {version('click')} instead of 7.0"),
        ("- filelock==", "- nowhere==", "fix", "nowhere is missing"),
        ("python=3", "python=2", "note", "instead of 2."),
    ],
    ids=["differs", "missing", "Python"],
)
def test_packages_that_differ_are_noted_and_missing_ones_need_a_fix(
    pins: Path, pinned: str, wanted: str, level: str, text: str
) -> None:
    pins.write_text(pins.read_text().replace(pinned, wanted))
    finding = packages(pins)
    assert (finding.level, text in finding.text) == (level, True), finding
    assert finding.remedy == "make setup, then source .venv/bin/activate"


def test_a_gpu_that_torch_does_not_find_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert device().text.startswith(f"auto is {'cuda' if torch.cuda.is_available() else 'cpu'}: ")
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert (device().level, "NVIDIA driver" in device().text) == ("note", True)


@pytest.mark.usefixtures("store")
def test_wrong_settings_are_reported_and_skip_data_and_disk(tmp_path: Path) -> None:
    text = (tmp_path / "params.yaml").read_text()
    assert settings().text.startswith("params.yaml: AlexNet-CIFAR-10, 5 seeds x 150 epochs on c")
    (tmp_path / "params.yaml").write_text(text.replace("epochs: 150", "epochs: many"))
    found = dict(findings())
    assert list(found) == NAMES[:4]
    assert found["settings"].level == "fix"
    assert "epochs must be a whole number of 1 or more" in found["settings"].text
    (tmp_path / "params.yaml").write_text(text.replace("model_name: AlexNet", "model_name: nowhere.py:net"))
    assert (attempt(settings).level, "nowhere.py" in attempt(settings).text) == ("fix", True)
    (tmp_path / "params.yaml").unlink()
    assert "run in the project's folder" in attempt(settings).text


def test_a_data_set_is_found_noted_or_missing(config: Config, tmp_path: Path) -> None:
    assert data(config).text.startswith("Digits: ")
    there = replace(config, dataset="FMNIST")
    missing = data(there)
    assert (missing.level, "torchvision's download" in missing.text) == ("note", True)
    assert "put FMNIST.npz" in missing.remedy
    Path(config.data_dir).mkdir()
    (Path(config.data_dir) / "fashion-mnist.npz").touch()
    assert data(there) == Finding("ok", f"FMNIST: {config.data_dir}/fashion-mnist.npz")
    own = replace(config, dataset=str(tmp_path / "mine.npz"))
    assert (attempt(lambda: data(own)).level, "there is no file" in attempt(lambda: data(own)).text) == ("fix", True)


def test_a_data_folder_that_cannot_be_written_needs_a_fix(config: Config, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        blocked = data(replace(config, data_dir=str(folder)))
        assert blocked == Finding("fix", f"{tmp_path}/file is not a folder", "name another folder with data_dir")


def test_a_read_only_data_folder_is_ok_and_the_folder_that_is_written_named(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_only: Callable[[Path], None]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    given, own = tmp_path / "given", tmp_path / "own" / "layerwise"
    given.mkdir()
    read_only(given)
    found = data(replace(config, data_dir=str(given)))
    assert found.level == "ok"
    assert found.text.endswith(f"; {given} may only be read: what is prepared goes to {own}")
    assert f"needed in {own}" in disk(replace(config, data_dir=str(given)), reaches_store=False).text
    (tmp_path / "own").mkdir()
    read_only(tmp_path / "own")
    closed = data(replace(config, data_dir=str(given)))
    assert closed == Finding("fix", f"{tmp_path}/own is not writable", "name another folder with data_dir")


def test_free_space_is_compared_with_what_a_study_needs(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = sum(p.nbytes for p in config.architecture.build(input_channels=3, num_classes=10).parameters())
    need = 5e8 + 9 * weights + 5 * 9 * weights  # data, one unsent seed, five seeds
    finding = disk(config, reaches_store=True)
    text = f"GB free, some {need / 1e9:.1f} GB needed in {config.data_dir} and {tmp_path}/mlruns/0"
    assert (finding.level, text in finding.text) == ("ok", True), finding
    assert "mlruns" not in disk(config, reaches_store=False).text
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=need - 1))
        full = disk(config, reaches_store=True)
    assert (full.level, "train fewer seeds" in full.remedy) == ("fix", True)
    memory = next((path for path in ("/dev/shm", "/run") if Path(path).stat().st_dev != tmp_path.stat().st_dev), None)
    if memory:
        two = disk(replace(config, data_dir=f"{memory}/none"), reaches_store=True)
        assert two.text.count("GB free") == 2
    (tmp_path / "mlruns").touch()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/other.db")
    assert "mlruns is not a folder" in disk(config, reaches_store=True).text


def test_a_missing_package_is_one_line() -> None:
    process = subprocess.run(
        [sys.executable, "-S", "-m", "pipeline", "doctor"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert process.returncode == 2
    assert process.stderr == f"error: {sys.executable} lacks click: make setup, then source .venv/bin/activate\n"
