"""Messages as plain lines on stdout and stderr, and on neither where silence was asked for."""

import logging
from pathlib import Path

import pytest

from pipeline.console.messages import configure, is_quiet

LONG = "seed 3: [red]/a/very/long/path" + "/of/folders" * 20 + "[/red] 100 % :smile:\n  second line"
Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize("name", ["pipeline.execution.queue", "data.sources", "models"])
def test_what_a_person_wants_to_see_is_on_stdout_and_what_goes_wrong_on_stderr(name: str, capsys: Captured) -> None:
    log = logging.getLogger(name)
    log.debug("a detail")
    log.info(LONG)
    log.warning(f"wrong: {LONG}")
    assert capsys.readouterr() == (f"{LONG}\n", f"wrong: {LONG}\n")


def test_a_traceback_follows_its_message(capsys: Captured) -> None:
    try:
        raise ValueError("this seed is cursed")
    except ValueError:
        logging.getLogger("pipeline").warning("seed 7 failed:", exc_info=True)
    head, *_calls, last = capsys.readouterr().err.splitlines()
    assert (head, last) == ("seed 7 failed:", "ValueError: this seed is cursed")


def test_a_quiet_process_prints_only_what_goes_wrong(capsys: Captured) -> None:
    log = logging.getLogger("pipeline")
    configure(quiet=True)
    assert is_quiet()
    log.info("seed 3")
    log.warning("seed 4 failed")
    configure()
    assert not is_quiet()
    log.info("seed 5")
    assert capsys.readouterr() == ("seed 5\n", "seed 4 failed\n")


def test_configured_twice_a_message_is_printed_once(capsys: Captured) -> None:
    configure()
    configure()
    logging.getLogger("pipeline").info("seed 3")
    assert capsys.readouterr().out == "seed 3\n"


def test_what_others_log_is_left_to_them(capsys: Captured) -> None:
    logging.getLogger("mlflow.tracking").info("a run")
    assert capsys.readouterr().out == ""


def test_messages_go_to_the_streams_of_the_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "out").open("w") as file:
        monkeypatch.setattr("sys.stdout", file)
        logging.getLogger("pipeline").info(LONG)
        assert (tmp_path / "out").read_text() == f"{LONG}\n", "and at once"
