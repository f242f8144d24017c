"""The processes of the other devices: none outlives the first, and one that is killed fails the seed with a line."""

import os
import signal
import subprocess
from collections.abc import Callable
from multiprocessing import active_children
from pathlib import Path

import mlflow
import psutil
import pytest
from torch.multiprocessing.spawn import ProcessRaisedException

from pipeline.config.settings import Config
from pipeline.training.launch import DeviceLost

LOST = "the process of device 1 was ended by SIGKILL (out of memory?)"


def others(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Wait until two epochs are logged, and return the processes of the other devices."""
    while " epoch 3/" not in process.stdout.readline():
        assert process.poll() is None, process.stderr.read()
    children = psutil.Process(process.pid).children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def all_end(processes: list[psutil.Process]) -> bool:
    _gone, alive = psutil.wait_procs(processes, timeout=20)
    return not alive


def test_one_that_is_killed_fails_the_seed_with_a_line(configure: Callable[..., Config], train: Callable) -> None:
    def kill(_epoch: int) -> None:
        (other,) = active_children()
        os.kill(other.pid, signal.SIGKILL)

    with pytest.raises(DeviceLost) as lost:
        train(configure(devices=2, epochs=50), after_epoch=kill)
    assert str(lost.value) == LOST


def test_one_that_is_killed_before_it_is_ready_does_too(configure: Callable[..., Config], train: Callable) -> None:
    code = "import multiprocessing, os\nif multiprocessing.parent_process():\n    os.kill(os.getpid(), 9)\n"
    with pytest.raises(DeviceLost) as lost:
        train(configure(code=code, devices=2))
    assert str(lost.value) == LOST


def test_an_error_in_another_process_before_it_is_ready_is_reported(
    configure: Callable[..., Config], train: Callable
) -> None:
    code = "import multiprocessing\nif multiprocessing.parent_process():\n    raise OSError('not here')\n"
    with pytest.raises(ProcessRaisedException, match="not here"):
        train(configure(code=code, devices=2))


def test_an_error_in_another_process_during_training_is_reported(
    configure: Callable[..., Config], train: Callable
) -> None:
    code = (
        "import multiprocessing\nclass Broken(Plain):\n    def forward(self, images):\n"
        "        if multiprocessing.parent_process():\n            raise ValueError('no more')\n"
        "        return super().forward(images)\n"
    )
    with pytest.raises(ProcessRaisedException, match="no more"):
        train(configure("Broken", code=code, devices=2))


def test_the_network_is_that_of_the_study_s_start(configure: Callable[..., Config], train: Callable) -> None:
    config = configure(devices=2, epochs=1)
    Path(config.model_name.partition(":")[0]).unlink()
    assert len(train(config)[0]) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("store")
def test_a_study_names_the_device_in_a_line(start: Callable) -> None:
    process = start(seeds="0", threads=1, devices=2, epochs=500)
    (other,) = others(process)
    other.kill()
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.splitlines() == [f"seed 0 failed: {LOST}", "error: 0 of 1 seeds finished; missing: 0"]


@pytest.mark.slow
@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["the first", "all"])
def test_an_interrupt_saves_and_leaves_no_process(start: Callable, number: signal.Signals, send: Callable) -> None:
    process = start(seeds="0", threads=1, devices=2, epochs=500, checkpoint_every=500)
    children = others(process)
    assert len(children) == 1
    send(process.pid, number)
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert all_end(children)
    runs = mlflow.MlflowClient().search_runs(["0"])
    assert {run.info.status for run in runs} == {"KILLED"}
    assert any("layerwise.checkpoint.slot-a" in run.data.tags for run in runs)


@pytest.mark.slow
@pytest.mark.usefixtures("store")
def test_they_end_where_the_first_is_killed(start: Callable) -> None:
    process = start(seeds="0", threads=1, devices=3, epochs=500)
    children = others(process)
    assert len(children) == 2
    process.kill()
    _out, err = process.communicate(timeout=60)
    assert all_end(children)
    assert "Traceback" not in err
