"""What `doctor` looks at on this machine: packages, device, cores, compiler, folders. Nothing is changed."""

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from math import ceil, inf
from pathlib import Path
from typing import Literal

import psutil
import yaml

from pipeline.config.settings import Config
from pipeline.host.hardware import can_compile, device_kind, precision_on, threads_each
from pipeline.host.provenance import ROOT, machine

Level = Literal["ok", "note", "fix"]
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Finding:
    """`ok`; `note`: it works, but not as well as it could; `fix`: a study would fail. These two name the remedy."""

    level: Level
    text: str
    remedy: str = ""


def packages(pins: Path = ROOT / "conda.yaml") -> Finding:
    """Compare Python and the installed packages with the pins."""
    conda = yaml.safe_load(pins.read_text())["dependencies"]
    wanted = dict(pin.split("==") for entry in conda if isinstance(entry, dict) for pin in entry["pip"])
    python = next(entry.partition("=")[2] for entry in conda if str(entry).startswith("python="))
    there = {name: _installed(name) for name in wanted}
    differs = [
        f"{name} {there[name]} in place of {pin}" if there[name] else f"{name} is missing"
        for name, pin in wanted.items()
        if there[name].partition("+")[0] != pin  # torch 2.14.1+cpu is 2.14.1
    ]
    if not platform.python_version().startswith(f"{python}."):
        differs.append(f"Python {platform.python_version()} in place of {python}")
    if differs:
        level: Level = "note" if all(there.values()) else "fix"
        return Finding(level, ", ".join(differs), "make setup, then source .venv/bin/activate")
    return Finding("ok", f"Python {platform.python_version()}, and the {len(wanted)} packages that {pins.name} pins")


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def device() -> Finding:
    """Say what `auto` means, and whether a GPU is there that torch does not find."""
    kind = device_kind("auto")
    if kind == "cpu" and shutil.which("nvidia-smi"):
        return Finding(
            "note",
            "torch finds no CUDA device, though an NVIDIA driver is here",
            "update the driver, let the container see the GPU, or install a torch with CUDA; the CPU is slow",
        )
    return Finding("ok", f"auto is {kind}: {machine()}")


def precision(config: Config) -> Finding:
    auto = precision_on(config.device, "auto")
    if (config.precision, auto) == ("bf16", "fp32"):
        text = f"bf16 has to be emulated, as the {config.device} has no bfloat16 arithmetic"
        return Finding("note", text, "precision: auto in params.yaml is faster")
    return Finding("ok", f"{config.precision}; auto is {auto} here")


def threads(config: Config) -> Finding:
    """Compare the threads of all seeds that train at once with the cores that this process may use."""
    jobs, cores = min(config.jobs, len(config.seeds)), usable_cores()
    share = max(1, cores // jobs)
    text = f"{config.threads} a seed, seeds at a time: {jobs}, cores: {cores}"
    if config.threads * jobs > max(cores, jobs):
        return Finding("note", text, f"more threads than cores slow each other down: -P threads={share}")
    held = next((name for name in THREADS if os.environ.get(name)), None)
    if held and config.threads == threads_each(jobs) and config.threads < min(share, _whole_cores() // jobs):
        return Finding("note", f"{text}, as {held}={os.environ[held]}", f"unset {held}, or give -P threads={share}")
    return Finding("ok", text)


def usable_cores() -> int:
    """Return how many cores this process may use, by its affinity and the limit of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return ceil(min(cores, container_limit()))


def container_limit(groups: Path = Path("/sys/fs/cgroup")) -> float:
    """Return how many cores a container may use, by version 2 or 1 of control groups; inf without a limit."""
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            quota, period = " ".join((groups / file).read_text() for file in files).split()
        except (OSError, ValueError):
            continue
        return inf if quota in ("max", "-1") else int(quota) / int(period)
    return inf


def _whole_cores() -> int:
    """Return the number of cores without hyper-threading, which is how many threads torch takes by itself."""
    return psutil.cpu_count(logical=False) or usable_cores()


def compiler(config: Config) -> Finding:
    if can_compile():
        return Finding("ok", "torch.compile finds a C++ compiler and Python.h")
    text = "torch.compile finds no C++ compiler, or no Python.h"
    if config.device == "cpu":
        return Finding("ok", f"{text}; compile: auto does without it on the CPU")
    return Finding("note", text, "a GPU trains faster with both (Debian: apt install g++ python3-dev)")


def unwritable(folder: Path) -> str:
    """Return why nothing can be written in a folder, which may not be there yet; an empty text if something can."""
    there = nearest_there(folder)
    if not there.is_dir():
        return f"{there} is not a folder"
    return "" if os.access(there, os.W_OK | os.X_OK) else f"{there} may not be written"


def nearest_there(path: Path) -> Path:
    """Return a path, or the nearest above it that is there."""
    path = path.absolute()
    return next(there for there in (path, *path.parents) if os.access(there, os.F_OK))
