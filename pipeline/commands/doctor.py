"""Command `doctor`: check what a study needs, one line a check. It trains nothing and creates nothing."""

import platform
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Thread
from typing import Literal, NamedTuple

import click
import yaml

from data import DataError
from data.datasets import SIZE
from data.sources import find_source
from models import ModelError
from pipeline.config.folders import data_folders, outbox_folder
from pipeline.config.resolve import load_config
from pipeline.config.settings import Config
from pipeline.console.terminal import coloured
from pipeline.host.disk import nearest_existing, unwritable
from pipeline.host.hardware import device_kind, machine
from pipeline.host.provenance import ROOT
from pipeline.tracking.store import artifact_folder, check_store

Level = Literal["ok", "note", "fix"]
CHECK_SECONDS = 8.0  # MLflow gives up on a closed port sooner; a silent server or network disk may never answer
COLOURS = {"ok": "green", "note": "yellow", "fix": "red"}
GIGA = 1_000_000_000
STORED = 9  # times its weights a seed stores at most: three checkpoints of weights and momentum, each with best weights
DOWNLOADED = 3 * GIGA // 10  # more than any known data set takes before it is prepared,
PREPARED = GIGA // 5  # and after it, at 32 x 32


class Finding(NamedTuple):
    """`note`: a study works, but worse than it could; `fix`: a study would fail. Both name the remedy."""

    level: Level
    text: str
    remedy: str = ""


def run(*, quiet: bool) -> int:
    """Print the finding of every check, or notes and fixes alone; return 1 if something must be fixed, else 0."""
    levels = set()
    for name, finding in findings():
        levels.add(finding.level)
        if not (quiet and finding.level == "ok"):
            level = coloured(f"{finding.level:<4}", COLOURS[finding.level], sys.stdout)
            click.echo(f"{level}  {name:<8}  {': '.join(filter(None, (finding.text, finding.remedy)))}")
    return int("fix" in levels)


def findings() -> Iterator[tuple[str, Finding]]:
    """Yield the name and the finding of each check; data and disk depend on valid settings."""
    yield "packages", attempt(packages)
    yield "device", attempt(device)
    yield "store", (reached := attempt(store))
    yield "settings", (read := attempt(settings))
    if read.level != "fix":
        config = load_config({})
        yield "data", attempt(partial(data, config))
        yield "disk", attempt(partial(disk, config, reaches_store=reached.level != "fix"))


def attempt(check: Callable[[], Finding]) -> Finding:
    """Return the finding of a check, also of one that raises or hangs."""
    result: list[Finding] = []

    def run() -> None:
        try:
            result.append(check())
        except (click.ClickException, DataError, ModelError) as error:  # the message names the remedy
            result.append(Finding("fix", str(error)))
        except Exception as error:  # the other checks still run
            text = f"could not be checked ({type(error).__name__}: {error})"
            result.append(Finding("fix", " ".join(text.split()), "fix this and run doctor again"))

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(CHECK_SECONDS)
    silent = f"no answer within {CHECK_SECONDS:.0f} s"
    return result[0] if result else Finding("fix", silent, "check the server, the network and network disks")


def packages(pins: Path = ROOT / "conda.yaml") -> Finding:
    """Compare Python and the installed packages with the pins."""
    conda = yaml.safe_load(pins.read_text())["dependencies"]
    pinned = dict(pin.split("==") for entry in conda if isinstance(entry, dict) for pin in entry["pip"])
    python = next(entry.partition("=")[2] for entry in conda if str(entry).startswith("python="))
    installed = {name: _installed(name) for name in pinned}
    differences = [
        f"{name} {installed[name]} instead of {pin}" if installed[name] else f"{name} is missing"
        for name, pin in pinned.items()
        if installed[name].partition("+")[0] != pin  # torch 2.14.1+cpu is 2.14.1
    ]
    if not platform.python_version().startswith(f"{python}."):
        differences.append(f"Python {platform.python_version()} instead of {python}")
    if differences:
        level: Level = "note" if all(installed.values()) else "fix"
        return Finding(level, ", ".join(differences), "make setup, then source .venv/bin/activate")
    return Finding("ok", f"Python {platform.python_version()} and the {len(pinned)} packages of {pins.name}")


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def device() -> Finding:
    """Report what `device=auto` means, and a GPU that torch does not find."""
    kind = device_kind("auto")
    if kind == "cpu" and shutil.which("nvidia-smi"):
        text = "torch finds no CUDA device, although an NVIDIA driver is installed"
        return Finding("note", text, "update the driver, give the container the GPU, or install torch with CUDA")
    return Finding("ok", f"auto is {kind}: {machine()}")


def store() -> Finding:
    """Reach the tracking store as this user."""
    return Finding("ok", check_store())


def settings() -> Finding:
    """Read params.yaml, and the file of a custom model."""
    config = load_config({})
    text = f"{config.study_name}, {len(config.seeds)} seeds x {config.epochs} epochs on {config.device}"
    return Finding("ok", f"params.yaml: {text}")


def data(config: Config) -> Finding:
    """Find the data set, or the ways to download it."""
    dataset, folders = config.data, data_folders(config)
    for folder in (folders[-1] / "prepared", outbox_folder(config)):
        if reason := unwritable(folder):
            return Finding("fix", reason, "name another folder with data_dir")
    if source := find_source(dataset, *folders):
        rest = f"; {folders[0]} may only be read: what is prepared goes to {folders[-1]}" if len(folders) > 1 else ""
        return Finding("ok", f"{dataset.name}: {source.name}{rest}")
    ways = " or ".join(fetch.source for fetch in dataset.fetches)
    remedy = f"without a network, put {dataset.name}.npz or the original files there"
    return Finding("note", f"{dataset.name} is not in {folders[0]} yet and comes by {ways}", remedy)


def disk(config: Config, *, reaches_store: bool) -> Finding:
    """Compare free space with what the study needs, roughly: for data, and for artifacts stored on this machine."""
    size = config.image_size or SIZE
    weights = config.architecture.blueprint((size, size)).state_dict().values()
    seed = STORED * sum(tensor.nbytes for tensor in weights)
    unsent = min(config.jobs, len(config.seeds)) * seed
    data_bytes = DOWNLOADED + PREPARED * size**2 // SIZE**2
    needs = {outbox_folder(config).parent: data_bytes + unsent}
    if reaches_store and (artifacts := artifact_folder()):
        if reason := unwritable(artifacts / "run"):
            return Finding("fix", f"no place for artifacts: {reason}", "give write access, or set MLFLOW_TRACKING_URI")
        needs[artifacts] = needs.get(artifacts, 0) + len(config.seeds) * seed
    folders = defaultdict(list)
    for folder in needs:
        folders[nearest_existing(folder).stat().st_dev].append(folder)
    texts, enough = [], True
    for on_disk in folders.values():
        free, needed = shutil.disk_usage(nearest_existing(on_disk[0])).free, sum(needs[each] for each in on_disk)
        places = " and ".join(map(str, on_disk))
        texts.append(f"{free / GIGA:,.1f} GB free, some {needed / GIGA:,.1f} GB needed in {places}")
        enough = enough and free >= needed
    remedy = "" if enough else "free space, train fewer seeds, or set data_dir or MLFLOW_TRACKING_URI"
    return Finding("ok" if enough else "fix", "; ".join(texts), remedy)
