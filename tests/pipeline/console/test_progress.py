"""What a person reads while a study trains."""

import io
import logging
import re
import sys
from contextlib import redirect_stderr

import pytest

from pipeline.console.messages import configure
from pipeline.console.progress import Progress


def show(progress: Progress, epoch: int, seconds: float) -> None:
    progress.show_epoch(epoch, {"train": 1.5, "test": 2.0}, {"train": 50, "test": 40}, seconds)


def test_a_line_an_epoch_with_the_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(seeds=2, epochs=3)
    progress.begin(42)
    show(progress, 1, 10)
    show(progress, 2, 20)
    first, study, second = capsys.readouterr().out.splitlines()
    assert first == (
        "seed 42  epoch 1/3  train loss 1.5000 acc 50.00 %  test loss 2.0000 acc 40.00 %  "
        "10.0 s  about 0:00:20 left for this seed"
    )
    assert study == "the study: 2 seeds x 3 epochs: about 0:01:00"
    assert second.endswith("20.0 s  about 0:00:15 left for this seed")


def test_an_epoch_that_was_held_up_does_not_spoil_the_estimate(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(seeds=1, epochs=13)
    for epoch, seconds in enumerate((10, 9000, 10), start=1):
        show(progress, epoch, seconds)
    assert "about 0:01:40 left" in capsys.readouterr().out.splitlines()[-1]


def test_a_long_study_prints_ways_to_shorten_it(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(seeds=5, epochs=150)
    progress.begin(0)
    show(progress, 1, 600)
    line = capsys.readouterr().out.splitlines()[1]
    assert "5 days, 5:00:00" in line
    assert "shorter: fewer epochs or seeds (-P epochs=20 -P seeds=0)" in line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


def test_a_terminal_shows_a_bar_of_batches_and_removes_it_at_the_end(screen: Terminal) -> None:
    progress = Progress(seeds=1, epochs=9)
    progress.begin(42)
    with redirect_stderr(screen):
        assert list(progress.watch(3, [1, 2, 3, 4])) == [1, 2, 3, 4]
        assert sys.stderr is screen
    shown = re.sub(r"\x1b\[[\d;]*m", "", screen.getvalue())
    assert "seed 42  epoch 3/9 " in shown
    assert "0/4" in shown
    assert shown.endswith("\x1b[1A\x1b[2K"), "the line of the bar is erased"


def test_messages_are_printed_above_the_bar(screen: Terminal) -> None:
    with redirect_stderr(screen):
        for batch in Progress(seeds=1, epochs=9).watch(3, [1, 2]):
            if batch == 2:
                logging.getLogger("pipeline.test").warning("the tracking server does not answer")
    before, after = re.sub(r"\x1b\[[\d;]*m", "", screen.getvalue()).split("the tracking server does not answer\n")
    assert before.endswith("\x1b[2K"), "the bar was erased"
    assert "seed 0  epoch 3/9 " in after


@pytest.mark.parametrize(
    ("settings", "variables"),
    [({"jobs": 2}, {}), ({}, {"TERM": "dumb"})],
    ids=["other processes write to it", "dumb"],
)
def test_batches_pass_through_without_a_bar_on_a_terminal_that_cannot_take_one(
    screen: Terminal, monkeypatch: pytest.MonkeyPatch, settings: dict[str, int], variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with redirect_stderr(screen):
        assert list(Progress(seeds=2, epochs=1, **settings).watch(1, [1, 2, 3])) == [1, 2, 3]
    assert screen.getvalue() == ""


def test_a_quiet_process_shows_no_bar_and_no_line(screen: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    configure(quiet=True)
    progress = Progress(seeds=1, epochs=1)
    with redirect_stderr(screen):
        assert list(progress.watch(1, [1, 2, 3])) == [1, 2, 3]
    show(progress, 1, 10)
    assert (screen.getvalue(), capsys.readouterr().out) == ("", "")


@pytest.mark.parametrize("forced", ["", "1"])
def test_batches_pass_through_without_a_bar_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, forced: str
) -> None:
    monkeypatch.setenv("FORCE_COLOR", forced)
    progress = Progress(seeds=1, epochs=1)
    assert list(progress.watch(1, [1, 2, 3])) == [1, 2, 3]
    assert capsys.readouterr().err == ""
