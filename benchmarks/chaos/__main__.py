"""`python -m benchmarks.chaos [kills]`: SIGKILL at random moments, the same command again, and a comparison."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import click

from benchmarks.chaos.record import Points, compare, record
from benchmarks.chaos.study import copy_project, phase, start

LIMIT = 600


class Outcome(NamedTuple):
    """Of one study: at what it was killed, how many points were compared, and what was wrong."""

    killed_at: list[str]
    points: int
    lost: int
    doubled: int
    other: int


def undisturbed(project: Path, folder: Path) -> tuple[Points, float]:
    """Return the points of a study that nothing happens to, and the seconds it takes."""
    folder.mkdir()
    store, began = f"sqlite:///{folder}/mlflow.db", time.monotonic()
    process = start(project, store, folder / "data", folder / "log")
    assert process.wait(LIMIT) == 0, (folder / "log").read_text()
    return record(store)[0], time.monotonic() - began


def disturbed(
    project: Path, folder: Path, expected: Points, seconds: float, kills: int, draw: random.Random
) -> Outcome:
    """Kill a study up to so many times, each time at a random moment of what an undisturbed one takes; let it end."""
    folder.mkdir()
    store, killed_at = f"sqlite:///{folder}/mlflow.db", list[str]()
    while len(killed_at) < kills:
        process = start(project, store, folder / "data", folder / "log")
        try:
            assert process.wait(draw.uniform(0.2, 1) * seconds) == 0, (folder / "log").read_text()
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            killed_at.append(phase((folder / "log").read_text(errors="replace")))
        else:
            break
    else:
        process = start(project, store, folder / "data", folder / "log")
        assert process.wait(LIMIT) == 0, (folder / "log").read_text()
    found, counts = record(store)
    difference = compare(expected, found, counts)
    for kind, keys in difference._asdict().items():
        for key in keys[:10]:
            print(f"{kind}: {' / '.join(key)}", flush=True)
    return Outcome(killed_at, len(found), *map(len, difference))


def outcomes(kills: int, draw: random.Random) -> Iterator[Outcome]:
    """Yield the outcome of one study after another, until so many kills are done."""
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    with TemporaryDirectory() as name:
        project = copy_project(Path(name))
        expected, seconds = undisturbed(project, Path(name) / "undisturbed")
        print(f"undisturbed: {len(expected)} points, {seconds:.0f} s", flush=True)
        left, number = kills, 0
        while left > 0:
            folder, number = Path(name) / f"study-{number}", number + 1
            outcome = disturbed(project, folder, expected, seconds, min(left, 3), draw)
            left -= len(outcome.killed_at)
            shutil.rmtree(folder)
            yield outcome


@click.command()
@click.argument("kills", type=int, default=20)
@click.option("--seed", type=int, default=0, help="of the random moments")
def main(kills: int, seed: int) -> None:
    """Kill a study so many times and print the table."""
    done: list[Outcome] = []
    for outcome in outcomes(kills, random.Random(seed)):
        print(outcome, flush=True)
        done.append(outcome)
    phases = Counter(where for outcome in done for where in outcome.killed_at)
    total = [sum(outcome[field] for outcome in done) for field in range(1, 5)]
    print("\n| kills | while at | studies | points compared | lost | doubled | other |\n|---|---|---|---|---|---|---|")
    at = ", ".join(f"{where}: {count}" for where, count in phases.most_common())
    print(f"| {sum(phases.values())} | {at} | {len(done)} | {' | '.join(f'{number:,}' for number in total)} |")
    raise SystemExit(any(total[1:]))


if __name__ == "__main__":
    main()
