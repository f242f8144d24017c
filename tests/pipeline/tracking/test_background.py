"""Writing in the background: in order, one job ahead at the most, and no error is swallowed."""

import threading

import pytest

from pipeline.tracking.background import Background


def test_jobs_run_in_order_beside_the_caller() -> None:
    seen, gate = [], threading.Event()
    with Background() as background:
        background.submit(lambda: (gate.wait(5), seen.append(1)))
        assert seen == []  # the caller goes on while the job waits
        gate.set()
        background.submit(lambda: seen.append(2))
    assert seen == [1, 2]


def fail() -> None:
    raise OSError("disk full")


def test_an_error_is_raised_by_the_next_submit() -> None:
    with Background() as background:
        background.submit(fail)
        with pytest.raises(OSError, match="disk full"):
            background.submit(lambda: None)


def test_the_error_of_the_last_job_is_raised_at_the_end() -> None:
    with pytest.raises(OSError, match="disk full"), Background() as background:
        background.submit(fail)


def test_an_error_in_the_block_is_raised_and_a_lost_job_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    def end() -> None:
        with Background() as background:
            background.submit(fail)
            raise KeyError("first")

    with pytest.raises(KeyError, match="first"):
        end()
    assert capsys.readouterr().err == "the last epoch could not be logged: disk full\n"
