"""What `doctor` says of this machine: each check, where all is well and where it is not."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from math import inf
from pathlib import Path
from typing import Any

import pytest
import torch

from data import DATASETS
from data.prepared import prepare
from pipeline.commands import doctor
from pipeline.commands.checks import (
    Finding,
    compiler,
    container_limit,
    device,
    packages,
    precision,
    threads,
    usable_cores,
)
from pipeline.commands.doctor import attempt, cache, dataset, disk, findings, outbox, settings
from pipeline.config.resolve import load_config
from pipeline.config.settings import Config

ROOT = Path(__file__).parents[3]
Call = Callable[..., tuple[int, str, str]]
MACHINE = ["packages", "device", "store", "settings"]
NAMES = [*MACHINE, "precision", "threads", "compiler", "dataset", "cache", "outbox", "disk"]


@pytest.fixture
def config(store: str, tmp_path: Path) -> Config:  # noqa: ARG001  # it makes the folder that the study runs in
    return load_config({"dataset": "Digits", "device": "cpu", "data_dir": str(tmp_path / "data")})


def files_of(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


@pytest.fixture(autouse=True)
def pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is installed here is not what most of these tests are about."""
    monkeypatch.setattr(doctor, "packages", lambda: Finding("ok", "as pinned"))


def test_a_line_a_check_and_nothing_is_made(call: Call, tmp_path: Path) -> None:
    before = files_of(tmp_path)
    code, out, _err = call("doctor")
    assert [line.split()[1] for line in out.splitlines()] == NAMES
    assert {line[:4] for line in out.splitlines()} <= {"ok  ", "note"}
    assert code == 0
    assert files_of(tmp_path) == before


def test_quiet_leaves_what_is_well_out_and_a_fix_ends_with_1(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cifar10.npz").touch()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    text = (tmp_path / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text.replace("data_dir: none", "data_dir: ."))
    for given in (["--quiet"], ["--quiet", "true"]):
        code, out, err = call("doctor", *given)
        assert (code, err) == (1, "")
        (line,) = [line for line in out.splitlines() if line.startswith("fix ")]
        assert re.match(r"fix   store      http://127.0.0.1:9 does not answer \(.*refused\): start it, or set", line)
        assert not [line for line in out.splitlines() if line.startswith("ok")]
    assert "ok    device" in call("doctor", "--quiet=false")[1]
    assert call("doctor", "--quiet=perhaps")[0] == 2


def test_a_black_hole_takes_seconds_alone(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files_of(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        started = time.monotonic()
        code, out, _err = call("doctor")
    assert time.monotonic() - started < 2 * doctor.CHECK_SECONDS
    assert (code, f"fix   store      {address} does not answer" in out) == (1, True)
    assert len(out.splitlines()) == len(NAMES)
    assert files_of(tmp_path) == before


def test_what_fails_or_hangs_does_not_stop_the_others(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Finding:
        raise RuntimeError("outer") from ValueError("the cause")

    assert attempt(broken) == Finding(
        "fix", "this could not be looked at (RuntimeError: the cause)", "mend that, and run doctor again"
    )
    monkeypatch.setattr(doctor, "packages", broken)
    code, out, _err = call("doctor")
    assert (code, len(out.splitlines())) == (1, len(NAMES))
    monkeypatch.setattr(doctor, "CHECK_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the driver of this database waits for ever
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"postgresql+psycopg://127.0.0.1:{silent.getsockname()[1]}/x")
        assert "no answer within 0 s" in attempt(doctor.store).text


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


def test_pins_that_are_met(pins: Path) -> None:
    finding = packages(pins)
    assert (finding.level, "packages that conda.yaml pins" in finding.text) == ("ok", True), finding


@pytest.mark.parametrize(
    ("pinned", "wanted", "level", "said"),
    [
        ("click==", "click==7.0 #", "note", f"click {version('click')} in place of 7.0"),
        ("- tqdm==", "- nowhere==", "fix", "nowhere is missing"),
        ("python=3", "python=2", "note", "in place of 2."),
    ],
    ids=["differs", "missing", "Python"],
)
def test_pins_that_are_not_met(pins: Path, pinned: str, wanted: str, level: str, said: str) -> None:
    pins.write_text(pins.read_text().replace(pinned, wanted))
    finding = packages(pins)
    assert (finding.level, said in finding.text) == (level, True), finding
    assert finding.remedy == "make setup, then source .venv/bin/activate"


def test_a_gpu_that_torch_does_not_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert device().text.startswith(f"auto is {'cuda' if torch.cuda.is_available() else 'cpu'}: ")
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert (device().level, "NVIDIA driver" in device().text) == ("note", True)


def test_bf16_without_hardware(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    assert precision(config).level == "ok"
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False)
    assert precision(replace(config, precision="fp32")) == Finding("ok", "fp32; auto is fp32 here")
    assert precision(replace(config, precision="bf16")).level == "note"


def test_threads_against_cores(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    cores = usable_cores()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert threads(replace(config, threads=1)).level == "ok"
    many = threads(replace(config, threads=cores + 1))
    assert (many.level, f"-P threads={cores}" in many.remedy) == ("note", True)
    both = threads(replace(config, threads=cores, jobs=2, seeds=(0, 1)))
    assert (both.level, f"-P threads={max(1, cores // 2)}" in both.remedy) == ("note", True)


@pytest.mark.skipif(usable_cores() < 2, reason="one thread is all that one core takes")
def test_a_variable_that_holds_threads_back(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as torch does it where the variable is set when it starts
    try:
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        held = threads(replace(config, threads=1))
        monkeypatch.delenv("OMP_NUM_THREADS")
        assert threads(replace(config, threads=1)).level == "ok"
    finally:
        torch.set_num_threads(before)
    assert held.level == "note"
    assert f"unset OMP_NUM_THREADS, or give -P threads={usable_cores()}" in held.remedy


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, inf),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, inf),
        ({"cpu.max": "nonsense"}, inf),
        ({}, inf),
    ],
)
def test_the_limit_of_a_container(tmp_path: Path, files: dict[str, str], limit: float) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert container_limit(tmp_path) == limit


@pytest.mark.parametrize(
    ("program", "header", "found"),
    [("no-such-compiler", "Python.h", False), (sys.executable, "other.h", False), (sys.executable, "Python.h", True)],
    ids=["no compiler", "no Python.h", "both"],
)
def test_compiling_needs_a_compiler_and_python_h(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, header: str, found: bool
) -> None:
    monkeypatch.setenv("CXX", program)
    monkeypatch.setattr("sysconfig.get_path", {"include": str(tmp_path)}.__getitem__)
    (tmp_path / header).touch()
    assert compiler(config).level == "ok", "the CPU does without"
    on_cuda = compiler(replace(config, device="cuda"))
    assert (on_cuda.level, "finds a C++ compiler and Python.h" in on_cuda.text) == ("ok" if found else "note", found)


@pytest.mark.usefixtures("store")
def test_settings_that_are_wrong_stop_what_depends_on_them(tmp_path: Path) -> None:
    text = (tmp_path / "params.yaml").read_text()
    assert settings().text.startswith("params.yaml: AlexNet-CIFAR-10, 5 seeds x 150 epochs on c")
    (tmp_path / "params.yaml").write_text(text.replace("epochs: 150", "epochs: many"))
    found = dict(findings())
    assert list(found) == MACHINE
    finding = found["settings"]
    assert finding.level == "fix"
    assert "epochs must be a whole number of 1 or more" in finding.text
    (tmp_path / "params.yaml").write_text(text.replace("model_name: AlexNet", "model_name: nowhere.py:net"))
    assert (settings().level, "nowhere.py" in settings().text) == ("fix", True)
    (tmp_path / "params.yaml").unlink()
    assert "run in the project's folder" in settings().text


def test_where_the_data_set_is(config: Config, tmp_path: Path) -> None:
    assert dataset(config).text.startswith("Digits: ")
    there = replace(config, dataset="FMNIST")
    missing = dataset(there)
    assert (missing.level, "torchvision's download" in missing.text) == ("note", True)
    assert "put FMNIST.npz" in missing.remedy
    Path(config.data_dir).mkdir()
    (Path(config.data_dir) / "fashion-mnist.npz").touch()
    assert dataset(there) == Finding("ok", f"FMNIST: {config.data_dir}/fashion-mnist.npz")
    own = dataset(replace(config, dataset=str(tmp_path / "mine.npz")))
    assert (own.level, "there is no file" in own.text) == ("fix", True)


def test_the_cache_folder(config: Config, tmp_path: Path) -> None:
    folder = Path(config.data_dir)
    assert cache(config) == Finding("ok", f"{folder} is not there yet")
    folder.mkdir()
    assert cache(config).text == f"{folder}, with no data set prepared"
    prepare(DATASETS["Digits"], folder)
    assert cache(config).text == f"{folder}, with Digits prepared"
    (tmp_path / "file").touch()
    blocked = cache(replace(config, data_dir=str(tmp_path / "file" / "below")))
    assert blocked == Finding("fix", f"{tmp_path}/file is not a folder", "name another folder with data_dir")


def test_what_waits_for_a_server(config: Config) -> None:
    assert outbox(config).level == "ok"
    for name in ("one/metrics/1.json", "one/artifacts/checkpoints/slot-a.pt", "two/tags.json"):
        path = Path(config.data_dir) / "outbox" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (Path(config.data_dir) / "outbox" / "three").mkdir()
    assert outbox(config).level == "note"
    assert outbox(config).text.startswith("3 files of 2 runs wait in ")


def test_room_on_disk(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = sum(p.nbytes for p in config.architecture.build(input_channels=3, num_classes=10).parameters())
    need = 5e8 + 8 * weights + 5 * 8 * weights  # data, one unsent seed, five seeds
    finding = disk(config, reaches_store=True)
    said = f"GB free for some {need / 1e9:.1f} GB in {config.data_dir} and {tmp_path}/mlruns/0"
    assert (finding.level, said in finding.text) == ("ok", True), finding
    assert "mlruns" not in disk(config, reaches_store=False).text
    with monkeypatch.context() as larger:
        larger.setattr("pipeline.commands.doctor.KEPT", 8 * 10**6)  # of its weights, by each seed
        full = disk(config, reaches_store=True)
    assert (full.level, "take fewer seeds" in full.remedy) == ("fix", True)
    memory = next((path for path in ("/dev/shm", "/run") if Path(path).stat().st_dev != tmp_path.stat().st_dev), None)
    if memory:
        two = disk(replace(config, data_dir=f"{memory}/none"), reaches_store=True)
        assert two.text.count("GB free") == 2
    (tmp_path / "mlruns").touch()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/other.db")
    assert "mlruns is not a folder" in disk(config, reaches_store=True).text


def test_a_real_server_is_asked(call: Call, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
    out = call("doctor")[1]
    assert f"ok    store      {server.address}: MLflow " in out


def test_a_package_that_is_missing_is_one_line() -> None:
    process = subprocess.run(
        [sys.executable, "-S", "-m", "pipeline", "doctor"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert process.returncode == 2
    assert process.stderr == f"error: {sys.executable} lacks click: make setup, then source .venv/bin/activate\n"
