"""The live table: in lines, and on a terminal below what is printed."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.console.live_table import LiveTable, Look

ROOT = Path(__file__).parents[3]


def test_off_a_terminal_a_line_is_printed_when_the_counts_have_changed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.console.live_table.SECONDS", 0.0)
    monkeypatch.setattr("pipeline.console.live_table.SHARE", 0)
    monkeypatch.setattr("pipeline.console.live_table.LINE_SECONDS", 0.0)
    looks = iter([Look([], "2 waiting", "1 h"), Look([], "2 waiting", "59 min"), None, Look([], "1 done", "30 min")])
    with LiveTable(lambda: next(looks), stays=True) as table:
        for _ in range(3):
            table.refresh()
    assert capsys.readouterr() == (
        "seeds: 2 waiting; time left: 1 h\nseeds: 1 done; time left: 30 min\n",
        "",
    )


def test_off_a_terminal_lines_are_at_least_half_a_minute_apart(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.console.live_table.SECONDS", 0.0)
    monkeypatch.setattr("pipeline.console.live_table.SHARE", 0)
    looks = iter(Look([], f"{count} done", "unknown") for count in range(3))
    with LiveTable(lambda: next(looks), stays=True) as table:
        table.refresh()
        table.refresh()
    assert capsys.readouterr().out == "seeds: 0 done; time left: unknown\n"


def test_a_refresh_right_after_another_does_not_look_again() -> None:
    looks = iter([None, None])  # the second is that of the end
    with LiveTable(lambda: next(looks), stays=True) as table:
        table.refresh()
        table.refresh()
    assert list(looks) == []


def test_a_table_that_was_never_refreshed_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with LiveTable(lambda: pytest.fail("it looks"), stays=True):
        pass
    assert capsys.readouterr() == ("", "")


PROGRAM = """
import logging
import sys
from pipeline.console import live_table
from pipeline.console.messages import configure

configure(quiet="quiet" in sys.argv)
log = logging.getLogger("pipeline.test")
live_table.SECONDS = live_table.SHARE = 0
head = ("study", "done", "waiting", "time left")
looks = iter(live_table.Look([head, ("Net-tiny", str(done), str(2 - done), "unknown")], "", "") for done in range(3))
with live_table.LiveTable(lambda: next(looks), stays="stays" in sys.argv) as table:
    table.refresh()
    log.info("seed 0: [bold]epoch 1[/bold] :smile: 100 %")
    log.warning("seed 1 failed")
    print("seed 2 as well", file=sys.stderr)
    table.refresh()
log.info("over")
"""
SAID = ["seed 0: [bold]epoch 1[/bold] :smile: 100 %", "seed 1 failed", "seed 2 as well", "over"]


@pytest.fixture
def shown_on(terminal: Any, environment: dict[str, str]) -> Any:
    """Return a runner of the program, with stderr on the terminal; it gives what is on stdout and on the terminal."""

    def run(*arguments: str, stdout: int, **variables: str) -> tuple[str | None, str]:
        program = [sys.executable, "-c", PROGRAM, *arguments]
        given = {"cwd": ROOT, "env": environment | {"TERM": "xterm"} | variables, "text": True, "check": False}
        done = subprocess.run(program, stdout=stdout, stderr=terminal.end, **given)
        shown = terminal.close()
        assert done.returncode == 0, shown
        return done.stdout, shown

    return run


def test_on_a_terminal_the_table_stays_below_what_is_printed(shown_on: Any, terminal: Any) -> None:
    _out, shown = shown_on("stays", stdout=terminal.end)
    table = ["study     done  waiting  time left", "Net-tiny     2        0  unknown"]
    assert on_screen(shown) == [*SAID[:3], *table, SAID[3]]
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "the cursor is back"


def test_with_stdout_in_a_pipe_its_lines_stay_there(shown_on: Any) -> None:
    out, shown = shown_on("stays", stdout=subprocess.PIPE)
    assert out.splitlines() == [SAID[0], SAID[3]]
    assert on_screen(shown)[:3] == [*SAID[1:3], "study     done  waiting  time left"]


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [(["stays", "quiet"], {}), (["stays"], {"TERM": "dumb"}), ([], {})],
    ids=["quiet", "dumb", "studies one by one"],
)
def test_no_table_where_none_is_wanted_or_can_be_shown(
    shown_on: Any, arguments: list[str], variables: dict[str, str]
) -> None:
    _out, shown = shown_on(*arguments, stdout=subprocess.DEVNULL, **variables)
    assert shown.splitlines() == SAID[1:3]


def on_screen(shown: str) -> list[str]:
    """Return the lines that what was written leaves on a screen that moves as rich asks it to."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[\d*[A-Z]|\x1b\[\?25[hl]|\x1b\[[\d;]*m|\r|\n|[^\x1b\r\n]+", shown):
        if part == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif part == "\r":
            column = 0
        elif part == "\x1b[2K":
            lines[row] = ""
        elif re.fullmatch(r"\x1b\[\d*A", part):
            row -= int(part[2:-1] or 1)
        elif part[0] != "\x1b":
            lines[row] = f"{lines[row]:<{column}}"[:column] + part + lines[row][column + len(part) :]
            column += len(part)
    return [line.rstrip() for line in lines if line.strip()]
