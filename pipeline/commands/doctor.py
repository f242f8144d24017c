"""Command `doctor`: whether a study would work here, a line a check; it trains nothing and makes nothing."""

import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Thread

import click

from data import DataError
from models import ModelError
from pipeline.commands.checks import (
    Finding,
    Level,
    compiler,
    device,
    nearest_there,
    packages,
    precision,
    threads,
    unwritable,
)
from pipeline.commands.list import blueprint, found, prepared_names
from pipeline.config.resolve import load
from pipeline.config.settings import Config
from pipeline.config.values import ConfigError
from pipeline.console.messages import quiet_option
from pipeline.console.terminal import coloured
from pipeline.tracking.answers import root_cause
from pipeline.tracking.health import artifact_folder, store
from pipeline.tracking.outbox import FOLDER

CHECK_SECONDS = 8.0  # longer than a server is asked; a network disk or a name server may not answer at all
COLOURS = {"ok": "green", "note": "yellow", "fix": "red"}
GIGA = 1_000_000_000
KEPT = 8  # times the weights of its network is what a seed leaves: README, "What a study leaves in MLflow"
DATA_BYTES = GIGA // 2  # more than any of the known data sets takes, as it is fetched and as it is prepared


@click.command()
@quiet_option(help="print notes and fixes alone")
@click.pass_context
def doctor(context: click.Context, quiet: bool) -> None:
    """Check what a study needs, and say what to do about it."""
    levels = set()
    for name, finding in findings():
        levels.add(finding.level)
        if not (quiet and finding.level == "ok"):
            level = coloured(f"{finding.level:<4}", COLOURS[finding.level], sys.stdout)
            click.echo(f"{level}  {name:<9}  {': '.join(filter(None, (finding.text, finding.remedy)))}")
    context.exit("fix" in levels)


def findings() -> Iterator[tuple[str, Finding]]:
    """Yield the name of each check and what it found."""
    yield "packages", attempt(packages)
    yield "device", attempt(device)
    yield "store", (reached := attempt(store))
    yield "settings", (read := attempt(settings))
    if read.level == "fix":
        return
    config = load({})
    for check in (precision, threads, compiler, dataset, cache, outbox):
        yield check.__name__, attempt(partial(check, config))
    yield "disk", attempt(partial(disk, config, reaches_store=reached.level != "fix"))


def attempt(check: Callable[[], Finding]) -> Finding:
    """Return what a check finds; one that fails, or takes too long, is a finding as well."""
    result: list[Finding] = []

    def run() -> None:
        try:
            result.append(check())
        except Exception as error:  # the other checks go on
            text = f"this could not be looked at ({type(error).__name__}: {root_cause(error)})"
            result.append(Finding("fix", text, "mend that, and run doctor again"))

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(CHECK_SECONDS)
    late = Finding(
        "fix", f"no answer within {CHECK_SECONDS:.0f} s", "is a server, a name server or a network disk away?"
    )
    return result[0] if result else late


def settings() -> Finding:
    """Read params.yaml, and the file of one's own network where it names one."""
    try:
        config = load({})
        name = config.study_name
    except (ConfigError, ModelError) as error:
        return Finding("fix", str(error), "the checks that depend on the settings come after that")
    return Finding("ok", f"params.yaml: {name}, {len(config.seeds)} seeds x {config.epochs} epochs on {config.device}")


def dataset(config: Config) -> Finding:
    """Say where the data set is, or what would bring it."""
    data = config.data
    try:
        path = found(data, Path(config.data_dir))
    except DataError as error:
        return Finding("fix", str(error))
    if path:
        return Finding("ok", f"{data.name}: {path}")
    ways = " or ".join(fetch.source for fetch in data.fetches)
    offline = f"without a network, put {data.name}.npz or the original files there"
    return Finding("note", f"{data.name} is not in {config.data_dir} yet, and comes by {ways}", offline)


def cache(config: Config) -> Finding:
    """Say what is prepared in the data folder, and whether more can be."""
    folder = Path(config.data_dir)
    if reason := unwritable(folder):
        return Finding("fix", reason, "name another folder with data_dir")
    names = ", ".join(sorted(prepared_names(folder))) or "no data set"
    return Finding("ok", f"{folder}, with {names} prepared" if folder.is_dir() else f"{folder} is not there yet")


def outbox(config: Config) -> Finding:
    """Look for what seeds have kept for a server that was away."""
    folder = Path(config.data_dir) / FOLDER
    waiting = [path.relative_to(folder).parts[0] for path in folder.rglob("*") if path.is_file()]
    if not waiting:
        return Finding("ok", "nothing waits for a tracking server")
    text = f"{len(waiting)} files of {len(set(waiting))} runs wait in {folder} for their tracking server"
    return Finding("note", text, "unless they train now, the same command as before sends them first")


def disk(config: Config, *, reaches_store: bool) -> Finding:
    """Compare what is free with what the study roughly needs: for data, and for artifacts where they lie here."""
    seed = KEPT * sum(tensor.nbytes for tensor in blueprint(config.architecture).state_dict().values())
    unsent = min(config.jobs, len(config.seeds)) * seed  # for as long as a server is away
    needs = [(Path(config.data_dir), DATA_BYTES + unsent)]
    if reaches_store and (artifacts := artifact_folder()):
        if reason := unwritable(artifacts):
            return Finding("fix", f"artifacts go to {artifacts}, and {reason}", "give write access, or another place")
        needs.append((artifacts, len(config.seeds) * seed))
    disks = defaultdict(list)
    for folder, size in needs:
        disks[nearest_there(folder).stat().st_dev].append((folder, size))
    rooms = [_room(needs_of_disk) for needs_of_disk in disks.values()]
    level: Level = "ok" if all(enough for enough, _text in rooms) else "fix"
    remedy = "" if level == "ok" else "make room, take fewer seeds, or other folders (data_dir, MLFLOW_TRACKING_URI)"
    return Finding(level, "; ".join(text for _enough, text in rooms), remedy)


def _room(needs: list[tuple[Path, int]]) -> tuple[bool, str]:
    """Return whether folders of one disk have so many bytes, and what to say of it."""
    folders, sizes = zip(*needs, strict=True)
    free, needed = shutil.disk_usage(nearest_there(folders[0])).free, sum(sizes)
    text = f"{free / GIGA:,.1f} GB free for some {needed / GIGA:,.1f} GB in {' and '.join(map(str, folders))}"
    return free >= needed, text
