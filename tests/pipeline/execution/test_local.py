"""Several seeds side by side, as real processes: the same bits, and what one that is killed or interrupted leaves."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pytest
import torch
from mlflow.entities import Run

from pipeline.config.resolve import read_settings, resolve
from pipeline.execution.local import Local
from pipeline.execution.queue import Queue
from pipeline.tracking.runs import open_run
from pipeline.training.inputs import prepare_inputs

TWO = {"seeds": "0,7", "threads": 1}
pytestmark = pytest.mark.usefixtures("store")


def runs(kind: str) -> list[Run]:
    found = mlflow.MlflowClient().search_runs(["0"], order_by=["attributes.start_time ASC"])
    return [run for run in found if run.data.tags["layerwise.kind"] == kind]


def trainers(parent: subprocess.Popen) -> list[int]:
    """The processes that train seeds, by their ids."""
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    return [int(pid) for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]


def read_until(process: subprocess.Popen, *texts: str) -> None:
    """Read lines until each of the texts has stood in one, in whatever order."""
    awaited = set(texts)
    while awaited:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        awaited = {text for text in awaited if text not in line}


@pytest.fixture
def threads() -> Iterator[None]:
    """Give this process its threads back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
def test_side_by_side_gives_the_same_bits_as_one_after_another(
    options: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    for jobs in (1, 2):
        settings = read_settings(options | TWO | {"jobs": jobs, "target_val_acc": "none", "fresh": "true"})
        config = resolve(settings)
        with open_run("study", f"jobs-{jobs}") as study:
            prepared = prepare_inputs(config)
            queue = Queue(config, config.study_hash(prepared.manifest.digest), study)
            Local(settings).train(config, prepared, queue)
        assert capfd.readouterr().out.count("the study: 2 seeds x 2 epochs") == 1
    client = mlflow.MlflowClient()
    seeds = runs("seed")
    assert sorted(run.data.params["seed"] for run in seeds) == ["0", "0", "7", "7"]
    for number in ("0", "7"):
        one, other = (run for run in seeds if run.data.params["seed"] == number)
        assert {one.data.params["jobs"], other.data.params["jobs"]} == {"1", "2"}
        assert {"test_acc", "rwc/01_features.0"} <= set(one.data.metrics) == set(other.data.metrics)
        for key in set(one.data.metrics) - {"epoch_seconds"}:
            histories = [client.get_metric_history(run.info.run_id, key) for run in (one, other)]
            first, second = ([(point.step, point.value) for point in history] for history in histories)
            assert first == second, key
        states = [
            torch.load(Path(run.info.artifact_uri) / "checkpoints" / "slot-a.pt", weights_only=True)["model"]
            for run in (one, other)
        ]
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.slow
def test_a_seed_whose_process_is_killed_is_failed_and_costs_the_others_nothing(start: Callable) -> None:
    process = start(**TWO, jobs=2, epochs=8)
    read_until(process, "seed 0  epoch 1/8")
    os.kill(trainers(process)[0], signal.SIGKILL)
    _out, err = process.communicate(timeout=600)
    assert process.returncode == 1
    assert "seed 0 failed: its process was ended by SIGKILL" in err
    assert {run.info.run_name: run.info.status for run in runs("seed")} == {"seed-0": "FAILED", "seed-7": "FINISHED"}
    (study,) = runs("study")
    assert (study.info.status, study.data.tags["layerwise.seeds"]) == ("FAILED", "1 of 2")


@pytest.mark.usefixtures("store")
def test_a_process_that_cannot_even_start_is_reported(
    call: Callable, small_options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies while it imports the project: there is nobody in it to print which seed that was."""
    monkeypatch.setenv("PYTHONPATH", str(Path("broken").absolute()))
    Path("broken").mkdir()
    Path("broken/sitecustomize.py").write_text("import os\nos._exit(3)\n")
    given = small_options | {"seeds": "0,7", "jobs": "2"}
    code, _out, err = call("study", *(f"--{name}={value}" for name, value in given.items()))
    assert code == 1
    for seed in (0, 7):
        assert f"seed {seed} failed: its process ended with exit code 3 (see what it printed)" in err


@pytest.mark.slow
def test_an_interrupt_ends_all_processes_and_kills_the_runs(start: Callable) -> None:
    process = start(**TWO, jobs=2, epochs=500)
    read_until(process, "seed 0  epoch 1/500", "seed 7  epoch 1/500")
    children = trainers(process)
    assert len(children) == 2
    process.terminate()  # it passes it on; a terminal sends Ctrl-C to all of them
    process.communicate(timeout=600)
    assert process.returncode == 128 + signal.SIGTERM
    assert [run.info.status for run in runs("study") + runs("seed")] == ["KILLED"] * 3
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
def test_the_last_seed_of_an_odd_number_has_all_threads_and_the_bits_that_it_has_alone_with_them(
    small_options: dict[str, str],
) -> None:
    for given in ({"jobs": "auto", "seeds": "0,7,9"}, {"jobs": "1", "seeds": "9", "threads": "2"}):
        torch.set_num_threads(2)
        settings = read_settings(small_options | given | {"fresh": "true"})
        config, executor = resolve(settings), Local(settings)
        with open_run("study", "study") as study:
            prepared = prepare_inputs(config)
            executor.train(config, prepared, Queue(config, config.study_hash(prepared.manifest.digest), study))
    seeds = runs("seed")
    used = sorted((run.data.params["seed"], run.data.params["jobs"], run.data.params["threads"]) for run in seeds)
    assert used == [("0", "2", "1"), ("7", "2", "1"), ("9", "1", "2"), ("9", "2", "2")]
    one, other = (run for run in seeds if run.data.params["seed"] == "9")
    assert one.info.start_time >= max(run.info.end_time for run in seeds[:2]), "it waits until the threads are free"
    assert all(one.data.metrics[key] == other.data.metrics[key] for key in set(one.data.metrics) - {"epoch_seconds"})
