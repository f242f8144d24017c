"""How far studies are, and the table of it: in lines, and on a terminal below what is printed."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from pipeline.config.resolve import load_config
from pipeline.config.settings import Config
from pipeline.execution.live_table import LiveTable
from pipeline.execution.status import Capacity, Status, status_of, time_left
from pipeline.tracking.heartbeat import RELEASED, signs_of_life
from pipeline.tracking.retry import StoreError

ROOT = Path(__file__).parents[3]
HASH = "abc"
TWO = Capacity(2, studies_together=True)


def seed(number: int, status: str, *, epochs: int = 0, seconds: float | None = None) -> None:
    """Log a seed's run of ten epochs, as it is after some of them."""
    client = MlflowClient()
    tags = {"layerwise.kind": "seed", "layerwise.study": HASH, "layerwise.seed": str(number)} | signs_of_life()
    if status != "RUNNING":
        tags |= RELEASED
    if epochs:
        tags["layerwise.checkpoint.slot-a"] = f"epoch {epochs} sha256 {'0' * 64}"
    run = client.create_run("0", tags=tags).info.run_id
    for name, value in {"seed": number, "epochs": 10}.items():
        client.log_param(run, name, value)
    if seconds is not None:
        client.log_metric(run, "epoch_seconds", seconds)
    if status != "RUNNING":
        client.set_terminated(run, status)


@pytest.fixture
def config(store: str) -> Config:  # noqa: ARG001  # it sets the environment
    return load_config({"seeds": "0,1,2,3,4", "epochs": "10", "dataset": "Digits"})


def test_each_seed_is_in_one_state_and_epochs_are_those_that_are_left(config: Config) -> None:
    seed(0, "FINISHED", epochs=10, seconds=2.0)
    seed(1, "RUNNING", epochs=4, seconds=4.0)
    seed(2, "KILLED", epochs=3, seconds=3.0)
    before = datetime.now(UTC) - timedelta(minutes=1)
    seed(3, "FAILED", epochs=1)
    found = status_of(config, HASH, before)
    assert found.states == Counter(done=1, running=1, waiting=2, failed=1)
    assert (found.begun, found.epochs_left, found.seconds) == (1, [6, 7, 10], 3.0)
    assert time_left([found], TWO) == "about 0:00:34"


def test_what_failed_before_this_time_is_waiting(config: Config) -> None:
    seed(0, "FAILED", epochs=4)
    found = status_of(config, HASH, datetime.now(UTC) + timedelta(minutes=1))
    assert (found.states["waiting"], found.begun, sum(found.epochs_left)) == (5, 1, 46)


def test_a_fresh_study_has_nothing_to_take_over(config: Config) -> None:
    seed(0, "FINISHED", epochs=10)
    fresh = load_config({"seeds": "0", "epochs": "10", "dataset": "Digits", "fresh": "true"})
    assert status_of(fresh, HASH).states == Counter(waiting=1)
    assert status_of(config, HASH).states["done"] == 1


def test_without_an_epoch_on_record_the_time_is_unknown() -> None:
    new = Status("new", Counter(waiting=1), 0, [10], None)
    over = Status("over", Counter(done=1), 0, [], None)
    assert time_left([new], TWO) == "unknown"
    assert time_left([over], TWO) == "about 0:00:00"


def test_no_seed_is_done_sooner_than_alone_and_studies_one_after_another_add_up() -> None:
    long = Status("long", Counter(waiting=2), 0, [10, 2], 3.0)
    short = Status("short", Counter(waiting=1), 0, [4], 5.0)
    assert time_left([long, short], Capacity(100, studies_together=True)) == "about 0:00:30"
    assert time_left([long, short], Capacity(100, studies_together=False)) == "about 0:00:50"
    assert time_left([long, short], Capacity(1, studies_together=True)) == "about 0:00:56"


def looks(*states: dict[str, int]) -> Iterator[Status]:
    for each in states:
        yield Status("Net-tiny", Counter(each), 0, each.get("waiting", 0) * [2], 30.0)


def test_off_a_terminal_a_line_is_printed_where_something_has_changed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.execution.live_table.SECONDS", 0.0)
    monkeypatch.setattr("pipeline.execution.live_table.LINE_SECONDS", 0.0)
    states = looks({"waiting": 2}, {"waiting": 2}, {"waiting": 1, "running": 1}, {"done": 2})
    with LiveTable([lambda _since: next(states)], room=Capacity(1, studies_together=True)) as board:
        for _ in range(3):
            board._next_look = -1.0
            board.refresh()
    assert capsys.readouterr().out.splitlines() == [
        "seeds: 0 done, 0 running, 2 waiting, 0 failed; time left: about 0:02:00",
        "seeds: 0 done, 1 running, 1 waiting, 0 failed; time left: about 0:01:00",
        "seeds: 2 done, 0 running, 0 waiting, 0 failed; time left: about 0:00:00",
    ]


def test_a_store_that_is_away_ends_no_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    def look(_since: datetime) -> Status:
        raise StoreError("the tracking store does not answer")

    with LiveTable([look], room=TWO) as board:
        board.refresh()
    assert capsys.readouterr() == ("", "")


PROGRAM = """
import sys
from collections import Counter
import click
from pipeline.execution import live_table
from pipeline.execution.status import Capacity, Status, status_of, time_left

board.SECONDS = board.SHARE = 0
states = iter([{"waiting": 2}, {"waiting": 1, "running": 1}, {"done": 2}])
look = lambda _since: Status("Net-tiny", Counter(next(states)), 0, [], 30.0)
with board.LiveTable([look], room=Capacity(1, studies_together=True)) as shown:
    shown.refresh()
    click.echo("seed 0: epoch 1")
    click.echo("seed 1 failed", err=True)
    print("seed 2 as well", file=sys.stderr)
    shown.refresh()
click.echo("over")
"""


def test_on_a_terminal_the_table_stays_below_what_is_printed(terminal: Any, environment: dict[str, str]) -> None:
    program = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(program, cwd=ROOT, env=environment, stdout=terminal.end, stderr=terminal.end, check=False)
    shown = terminal.close()
    assert done.returncode == 0, shown
    assert on_screen(shown) == [
        "seed 0: epoch 1",
        "seed 1 failed",
        "seed 2 as well",
        "study     done  running  waiting  failed  time left",
        "Net-tiny     2        0        0       0  about 0:00:00",
        "over",
    ]


def on_screen(shown: str) -> list[str]:
    """Return the lines that what was written leaves on a screen that moves as tqdm asks it to."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[A|\r|\n|[^\x1b\r\n]+", shown):
        if part == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif part == "\r":
            column = 0
        elif part == "\x1b[A":
            row -= 1
        else:
            lines[row] = f"{lines[row]:<{column}}"[:column] + part + lines[row][column + len(part) :]
            column += len(part)
    return [line.rstrip() for line in lines if line.strip()]


def test_a_board_that_was_never_asked_to_look_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with LiveTable([], room=TWO):
        pass
    assert capsys.readouterr() == ("", "")
