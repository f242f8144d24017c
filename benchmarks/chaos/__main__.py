"""`python -m benchmarks.chaos [kills]`: SIGKILL at random moments, the same command again, and a comparison."""

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import click

from benchmarks.chaos.faults import kill_server, kill_study, nothing
from benchmarks.chaos.record import compare
from benchmarks.chaos.study import copy_project

VICTIMS = {"study": kill_study, "server": kill_server}
KILLS_A_STUDY = 3


class Outcome(NamedTuple):
    """Of one study: at what it or its server was killed, how many points were compared, and what was wrong."""

    killed_at: list[str]
    points: int
    lost: int
    doubled: int
    other: int


def outcomes(victim: str, kills: int, draw: random.Random) -> Iterator[Outcome]:
    """Yield the outcome of one study after another, until so many kills are done."""
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    with TemporaryDirectory() as name:
        project, folder = copy_project(Path(name)), Path(name) / "study"
        folder.mkdir()
        began = time.monotonic()
        expected = nothing(project, folder)
        seconds = time.monotonic() - began  # within which it is killed; less where a machine became faster since
        print(f"undisturbed: {len(expected)} points, {seconds:.0f} s", flush=True)
        while kills > 0:
            shutil.rmtree(folder)
            folder.mkdir()
            began = time.monotonic()
            killed_at, found, counts = VICTIMS[victim](project, folder, seconds, min(kills, KILLS_A_STUDY), draw)
            difference = compare(expected, found, counts)
            for kind, keys in difference._asdict().items():
                for key in keys[:10]:
                    print(f"{kind}: {' / '.join(key)}", flush=True)
            kills -= len(killed_at)
            if not killed_at:
                seconds = min(seconds, time.monotonic() - began)
            yield Outcome(killed_at, len(found), *map(len, difference))


@click.command()
@click.argument("kills", type=int, default=20)
@click.option("--of", "victim", type=click.Choice(list(VICTIMS)), default="study", help="what is killed")
@click.option("--seed", type=int, default=0, help="of the random moments")
def main(kills: int, victim: str, seed: int) -> None:
    """Kill a study, or its tracking server, so many times and print the table."""
    done: list[Outcome] = []
    for outcome in outcomes(victim, kills, random.Random(seed)):
        print(outcome, flush=True)
        done.append(outcome)
    phases = Counter(where for outcome in done for where in outcome.killed_at)
    total = [sum(outcome[field] for outcome in done) for field in range(1, 5)]
    survived = sum(len(outcome.killed_at) for outcome in done if not any(outcome[2:]))
    at = ", ".join(f"{where}: {count}" for where, count in phases.most_common())
    print("\n| kills of | kills | survived | while at | studies | points compared | lost | doubled | other |")
    print("|---|---|---|---|---|---|---|---|---|")
    numbers = " | ".join(f"{number:,}" for number in (len(done), *total))
    print(f"| the {victim} | {sum(phases.values())} | {survived} | {at} | {numbers} |")
    raise SystemExit(any(total[1:]))


if __name__ == "__main__":
    main()
