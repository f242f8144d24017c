"""What a person reads while a study trains."""

import io
import sys

import pytest

from pipeline.console.progress import Progress
from pipeline.tracking.epoch import EpochReport


def report(epoch: int, seconds: float) -> EpochReport:
    return EpochReport(
        epoch=epoch,
        losses={"train": 1.5, "test": 2.0},
        accuracies={"train": 50, "test": 40},
        layers={},
        seconds=seconds,
    )


def test_a_line_an_epoch_with_the_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(seeds=2, epochs=3)
    progress.begin(42)
    progress.report(report(1, 10))
    progress.report(report(2, 20))
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
        progress.report(report(epoch, seconds))
    assert "about 0:01:40 left" in capsys.readouterr().out.splitlines()[-1]


def test_a_long_study_says_what_shortens_it(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(seeds=5, epochs=150)
    progress.begin(0)
    progress.report(report(1, 600))
    line = capsys.readouterr().out.splitlines()[1]
    assert "5 days, 5:00:00" in line
    assert "shorter: fewer epochs or seeds (-P epochs=20 -P seeds=0)" in line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar_of_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    progress = Progress(seeds=1, epochs=9)
    progress.begin(42)
    assert list(progress.watch(3, [1, 2, 3, 4])) == [1, 2, 3, 4]
    assert "seed 42  epoch 3/9: " in terminal.getvalue()
    assert "0/4" in terminal.getvalue()


def test_batches_pass_through_without_a_bar_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(seeds=1, epochs=1)
    assert list(progress.watch(1, [1, 2, 3])) == [1, 2, 3]
    assert capsys.readouterr().err == ""
