"""The processes above this one, on which it ends with them: as far as they can be seen."""

import os

import psutil
import pytest

from pipeline.host import signals


def test_the_ancestors_are_shells_and_the_first_other_program() -> None:
    ancestors = list(signals._ancestors())
    assert ancestors[0].pid == os.getppid()
    assert all(shell.name() in signals.SHELLS for shell in ancestors[:-1])


@pytest.mark.parametrize("error", [psutil.AccessDenied, psutil.NoSuchProcess], ids=["hidepid=1", "hidepid=2"])
@pytest.mark.parametrize("hidden", ["parent", "name", "status"])
def test_ancestors_of_other_users_that_proc_hides_end_nothing(
    monkeypatch: pytest.MonkeyPatch, hidden: str, error: type[psutil.Error]
) -> None:
    """A service manager or `sudo` above."""
    parent = psutil.Process(os.getppid())

    def refuse(process: psutil.Process) -> None:
        raise error(process.pid)

    monkeypatch.setattr(psutil.Process, hidden, refuse)
    assert len(list(signals._ancestors())) <= 1 or hidden == "status"
    assert signals._is_alive(parent) is not (hidden == "status" and error is psutil.NoSuchProcess)
