"""`python -m benchmarks.chaos [faults] --of kind`: faults at random moments, then a resumed study is compared."""

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import click

from benchmarks.chaos.files import refuse_files
from benchmarks.chaos.kills import kill_server, kill_study, undisturbed
from benchmarks.chaos.record import compare
from benchmarks.chaos.study import copy_project
from benchmarks.chaos.takeovers import meet_in_containers, stop_and_take_over

FAULTS = {
    "study": kill_study,
    "server": kill_server,
    "stop": stop_and_take_over,
    "containers": meet_in_containers,
    "files": refuse_files,
}
KILLS_A_STUDY = 3


class Outcome(NamedTuple):
    """Of one study: the phases in which faults came, the points compared, and how many were wrong."""

    killed_at: list[str]
    points: int
    lost: int
    doubled: int
    other: int


def outcomes(kind: str, kills: int, draw: random.Random) -> Iterator[Outcome]:
    """Yield the outcome of one study after another, until there were `kills` faults."""
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    with TemporaryDirectory() as name:
        project, folder = copy_project(Path(name)), Path(name) / "undisturbed"
        folder.mkdir()
        began = time.monotonic()
        expected = undisturbed(project, folder)
        seconds = time.monotonic() - began  # faults come within this time; it shrinks if a later study is faster
        print(f"undisturbed: {len(expected)} points, {seconds:.0f} s", flush=True)
        for number in count():
            shutil.rmtree(folder)
            if kills <= 0:
                return
            # a new folder: MLflow keeps connections to the database of the former one
            folder = Path(name) / f"study-{number}"
            folder.mkdir()
            began = time.monotonic()
            killed_at, found, counts = FAULTS[kind](project, folder, seconds, min(kills, KILLS_A_STUDY), draw)
            difference = compare(expected, found, counts)
            for wrong, keys in difference._asdict().items():
                for key in keys[:10]:
                    print(f"{wrong}: {' / '.join(key)}", flush=True)
            kills -= len(killed_at)
            if not killed_at:
                seconds = min(seconds, time.monotonic() - began)
            yield Outcome(killed_at, len(found), *map(len, difference))


@click.command()
@click.argument("kills", type=int, default=20)
@click.option("--of", "kind", type=click.Choice(list(FAULTS)), default="study", help="kind of fault")
@click.option("--seed", type=int, default=0, help="of the random moments")
def main(kills: int, kind: str, seed: int) -> None:
    """Make this many faults of a kind, and print a table."""
    done: list[Outcome] = []
    for outcome in outcomes(kind, kills, random.Random(seed)):
        print(outcome, flush=True)
        done.append(outcome)
    phases = Counter(where for outcome in done for where in outcome.killed_at)
    total = [sum(outcome[field] for outcome in done) for field in range(1, 5)]
    survived = sum(len(outcome.killed_at) for outcome in done if not any(outcome[2:]))
    at = ", ".join(f"{where}: {count}" for where, count in phases.most_common())
    print("\n| fault | times | survived | while at | studies | points compared | lost | doubled | other |")
    print("|---|---|---|---|---|---|---|---|---|")
    numbers = " | ".join(f"{number:,}" for number in (len(done), *total))
    print(f"| {kind} | {sum(phases.values())} | {survived} | {at} | {numbers} |")
    raise SystemExit(any(total[1:]))


if __name__ == "__main__":
    main()
