"""A real tracking server that is killed while a study trains: unreachable for a while, and for good."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.entities import Run

pytestmark = pytest.mark.slow


def seeds(server: Any) -> list[Run]:
    client = mlflow.MlflowClient(server.address)
    return list(client.search_runs(["0"], "tags.`layerwise.kind` = 'seed'", order_by=["attributes.start_time ASC"]))


def steps(server: Any, run: Run) -> list[int]:
    history = mlflow.MlflowClient(server.address).get_metric_history(run.info.run_id, "rwc/01_features.0")
    return [point.step for point in history]


def read_until(process: subprocess.Popen, text: str) -> None:
    while text not in (line := process.stdout.readline()):
        assert line, process.stderr.read()


def test_a_server_that_comes_back_has_every_step_once(start: Callable, server: Any, tmp_path: Path) -> None:
    process = start(tracking=server.address, seeds="3", epochs=15, data_dir=tmp_path)
    read_until(process, "epoch 3/15")
    server.end(9)
    read_until(process, "epoch 6/15")
    server.start()
    _out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert "the tracking server is unreachable" in err
    assert "the tracking server is back" in err
    (seed,) = seeds(server)
    assert steps(server, seed) == list(range(1, 16))
    assert list((tmp_path / "outbox").iterdir()) == []


def test_a_server_that_stays_unreachable_fails_the_seed_and_the_same_command_sends_the_results(
    start: Callable, server: Any, tmp_path: Path
) -> None:
    given = {"tracking": server.address, "seeds": "5", "epochs": 6, "data_dir": tmp_path, "server_wait": 1}
    process = start(**given)
    read_until(process, "epoch 2/6")
    server.end(9)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 1
    assert "epoch 6/6" in out, "training goes on"
    failed = next(line for line in err.splitlines() if line.startswith("seed 5 failed: "))
    assert failed.startswith("seed 5 failed: the tracking server is unreachable ("), err
    assert f"; results are kept in {tmp_path}/outbox/" in failed, err
    assert "Traceback" not in err
    assert len(list((tmp_path / "outbox").iterdir())) == 1
    server.start()
    process = start(**given)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert "seed 5: resumes after epoch 6" in out
    *_others, seed = seeds(server)
    assert seed.info.status == "FINISHED"
    assert steps(server, seed) == list(range(1, 7))
    statuses = {run.info.status for run in mlflow.MlflowClient(server.address).search_runs(["0"])}
    assert "RUNNING" not in statuses
