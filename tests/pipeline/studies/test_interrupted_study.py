"""The same command resumes, and leaves what an undisturbed study leaves."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import psutil
import pytest
from mlflow.entities import Run

from benchmarks.chaos.__main__ import outcomes
from pipeline.console.progress import Progress
from pipeline.host.disk import DiskFull
from pipeline.host.signals import Interrupted
from pipeline.tracking import heartbeat, seed_log
from pipeline.tracking.outbox import Outbox
from pipeline.tracking.retry import StoreError
from pipeline.tracking.run import Run as OpenRun
from pipeline.tracking.run import RunTaken
from pipeline.tracking.seed_log import SeedLog

pytestmark = pytest.mark.usefixtures("unrendered")

ROOT = Path(__file__).parents[3]
Call = Callable[..., tuple[int, str, str]]
upload = SeedLog.upload


def runs(kind: str) -> list[Run]:
    found = mlflow.MlflowClient().search_runs(["0"], order_by=["attributes.start_time ASC"])
    return [run for run in found if run.data.tags["layerwise.kind"] == kind]


def history(run: Run, key: str = "test_loss") -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in mlflow.MlflowClient().get_metric_history(run.info.run_id, key)]


@pytest.fixture
def study(call: Call, small_options: dict[str, str]) -> Callable[..., tuple[int, str, str]]:
    """Return a runner of a study of one seed of the smallest network."""

    def run_study(command: str = "study", **settings: object) -> tuple[int, str, str]:
        given = small_options | ({"seeds": "3"} if command == "study" else {}) | settings
        return call(command, *(f"--{name}={value}" for name, value in given.items()))

    return run_study


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a switch: training is interrupted after the given number of epochs, 0 for never."""
    real, last = Progress.show_epoch, [0]

    def show_epoch(self: Progress, epoch: int, *numbers: Any) -> None:
        if last[0] and epoch > last[0]:
            raise Interrupted(signal.SIGTERM)
        real(self, epoch, *numbers)

    monkeypatch.setattr(Progress, "show_epoch", show_epoch)
    return lambda epoch: last.__setitem__(0, epoch)


def test_an_interrupted_seed_resumes_in_its_own_run(
    study: Callable, stop_after: Callable, options: dict[str, str]
) -> None:
    study = partial(study, model_name=options["model_name"])
    stop_after(3)
    assert study(epochs=5, checkpoint_every=10)[0] == 128 + signal.SIGTERM
    (seed,) = runs("seed")
    assert (seed.info.status, len(history(seed))) == ("KILLED", 3)
    stop_after(0)
    code, out, _err = study(epochs=5, checkpoint_every=10)
    assert code == 0
    assert f"seed 3: resumes after epoch 3, in the run {seed.info.run_id}" in out, "saved between two checkpoints"
    assert "epoch 3/5" not in out
    (again,) = runs("seed")
    assert again.info.status == "FINISHED"
    assert [step for step, _loss in history(again)] == [1, 2, 3, 4, 5]
    assert again.data.tags["mlflow.parentRunId"] == runs("study")[-1].info.run_id
    assert [run.info.status for run in runs("study")] == ["KILLED", "FINISHED"]
    assert study(epochs=5, fresh="true")[0] == 0
    fresh = runs("seed")[-1]
    assert fresh.info.run_id != seed.info.run_id
    assert {"test_acc", "rwc/01_features.0"} <= set(fresh.data.metrics) == set(again.data.metrics)
    for key in set(fresh.data.metrics) - {"epoch_seconds"}:
        assert history(fresh, key) == history(again, key), key


def remaining(run: Run) -> set[int]:
    """Return the epochs at which a remaining distance is in a seed's table, none of which is more than 1.5."""
    table = pd.read_csv(Path(run.info.artifact_uri) / "layer_metrics.csv")
    rows = table[table["metric"] == "remaining_distance"]
    assert rows["value"].between(0, 1.5).all()
    assert len(rows) == rows["epoch"].nunique() * table["layer"].nunique()
    return set(rows["epoch"])


def test_more_seeds_and_epochs_extend_a_study_and_fewer_are_part_of_it(
    study: Callable, options: dict[str, str]
) -> None:
    study = partial(study, model_name=options["model_name"])
    code, out, _err = study(epochs=2, snapshots="true")
    assert code == 0
    assert "snapshots: 2 a seed, 0.0 MB each, 0.0 MB in all" in out
    (short,) = runs("seed")
    assert remaining(short) == {1, 2}
    code, out, _err = study(epochs=4, seeds="3,5", snapshots="true")
    assert code == 0
    assert f"seed 3: resumes after epoch 2, from the run {short.info.run_id}" in out
    assert "seed 5: trained from the start" in out
    _short, extended, _fifth = runs("seed")
    assert (extended.data.params["epochs"], extended.data.tags["layerwise.seed"]) == ("4", "3")
    assert history(extended)[:2] == history(short)
    assert history(extended, "rwc/02_features.3")[:2] == history(short, "rwc/02_features.3")
    assert history(extended, "rwc_group/early")[:2] == history(short, "rwc_group/early")
    files = {path.name for path in (Path(extended.info.artifact_uri) / "checkpoints").iterdir()}
    weights = {f"weights-000{epoch}.pt" for epoch in (1, 2, 3)}
    assert files - {"best-a.pt", "best-b.pt"} == {"initial.pt", "slot-a.pt", "slot-b.pt", *weights}
    assert remaining(extended) == {1, 2, 3}, "of the way to the end of this run"
    assert (Path(runs("study")[-1].info.artifact_uri) / "figures" / "remaining_distance.png").exists()
    code, out, _err = study(epochs=3, seeds="5")
    assert code == 0
    assert "seed 5: reused" in out
    assert [step for step, _loss in history(runs("study")[-1])] == [1, 2, 3], "as many epochs as were asked for"


def test_a_damaged_checkpoint_is_reported_and_the_one_before_is_resumed(study: Callable, stop_after: Callable) -> None:
    stop_after(3)
    study(epochs=4)
    (seed,) = runs("seed")
    (newest,) = local(seed).glob("000003-*")
    (uploaded,) = (Path(seed.info.artifact_uri) / "checkpoints").glob("slot-*.pt")
    for path in (newest, uploaded):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    stop_after(0)
    code, out, err = study(epochs=4)
    assert code == 0
    for name in (newest.name, uploaded.name):
        assert f"the checkpoint of epoch 3 ({name}) is damaged: its sha256 differs" in err
    assert "epoch 3/4" in out
    (again,) = runs("seed")
    assert [step for step, _loss in history(again)] == [1, 2, 3, 4], "epoch 3 was logged already"


def local(seed: Run) -> Path:
    """Return the folder in which this machine keeps the checkpoints of a seed's run."""
    return Path("cache") / "layerwise" / "outbox" / seed.info.run_id / "checkpoints"


def test_without_a_whole_checkpoint_it_starts_again_and_doubles_nothing(study: Callable, stop_after: Callable) -> None:
    stop_after(1)
    study(epochs=2)
    (seed,) = runs("seed")
    for path in (*local(seed).glob("*.pt"), Path(seed.info.artifact_uri) / "checkpoints" / "slot-a.pt"):
        path.write_bytes(b"no checkpoint")
    stop_after(0)
    code, _out, err = study(epochs=2)
    assert code == 0
    assert "no checkpoint is whole: trained from the start" in err
    assert [step for step, _loss in history(runs("seed")[0])] == [1, 2]


def test_a_machine_that_is_lost_costs_the_epochs_since_the_last_upload(
    study: Callable, stop_after: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine has the uploaded checkpoint alone: it copies the epochs so far into a run of its own."""
    with monkeypatch.context() as patch:
        patch.setattr(SeedLog, "upload", lambda log: log.outbox.send() if log._newest.epoch > 2 else upload(log))
        stop_after(4)
        study(epochs=6, checkpoint_every=2)
    (seed,) = runs("seed")
    shutil.rmtree(local(seed).parent)
    for tag, value in ({"layerwise.host": "lost", "layerwise.heartbeat": "1", "layerwise.pid": "1"}).items():
        mlflow.MlflowClient().set_tag(seed.info.run_id, tag, value)
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.05)  # for two of which a silent process is watched
    stop_after(0)
    code, out, _err = study(epochs=6, checkpoint_every=2)
    assert code == 0
    assert f"seed 3: resumes after epoch 2, from the run {seed.info.run_id}" in out
    assert [step for step, _loss in history(runs("seed")[-1])] == [1, 2, 3, 4, 5, 6]


def test_the_newest_checkpoint_is_uploaded_at_the_end_and_by_time_and_not_after_every_epoch(
    study: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads: list[int] = []

    def count(log: SeedLog) -> None:
        uploads.append(log._newest.epoch)
        upload(log)

    monkeypatch.setattr(SeedLog, "upload", count)
    assert study(epochs=4)[0] == 0
    assert set(uploads) == {4}
    uploads.clear()
    monkeypatch.setattr(seed_log, "UPLOAD_SECONDS", 0.0)
    assert study(epochs=4, lr="0.02")[0] == 0
    assert set(uploads) == {1, 2, 3, 4}


def test_train_begins_with_what_an_earlier_run_had(study: Callable, stop_after: Callable) -> None:
    stop_after(1)
    study("train", seed=3)
    stop_after(0)
    code, out, _err = study("train", seed=3)
    broken, whole = runs("seed")
    assert code == 0
    assert f"seed 3: resumes after epoch 1, from the run {broken.info.run_id}" in out
    assert (broken.info.status, whole.info.status) == ("KILLED", "FINISHED")
    assert history(whole)[:1] == history(broken)
    assert len(history(whole)) == 2


def test_train_first_sends_the_unsent_results_of_an_earlier_one(
    study: Callable, stop_after: Callable, tmp_path: Path
) -> None:
    stop_after(1)
    study("train", seed=3, data_dir=tmp_path)
    (broken,) = runs("seed")
    Outbox(OpenRun(broken.info.run_id), tmp_path / "outbox").add_metrics({"late": 0.5}, 2)
    stop_after(0)
    assert study("train", seed=3, data_dir=tmp_path)[0] == 0
    assert history(runs("seed")[0], "late") == [(2, 0.5)]
    assert list((tmp_path / "outbox").iterdir()) == []


@pytest.mark.parametrize("error", [DiskFull("the disk is full"), StoreError("the store refuses"), RunTaken("taken")])
def test_an_interrupt_ends_the_study_also_where_the_last_epoch_cannot_be_uploaded(
    study: Callable, stop_after: Callable, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def add_artifact(*_arguments: object, **_size: object) -> None:
        raise error

    stop_after(2)
    monkeypatch.setattr(SeedLog, "add_tables", add_artifact)
    code, _out, err = study(epochs=4, checkpoint_every=10, seeds="3,5")
    assert code == 128 + signal.SIGTERM
    assert f"the last epoch is not uploaded: {error}" in err
    assert [run.info.status for run in runs("seed") + runs("study")] == ["KILLED", "KILLED"], (
        "the next seed never began"
    )


@pytest.mark.slow
def test_two_processes_that_start_the_same_study_at_once_share_its_seeds(start: Callable) -> None:
    processes = [start(seeds="0,7", epochs=3, threads=1) for _process in range(2)]
    printed = [process.communicate(timeout=600) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], printed
    assert sorted(run.data.params["seed"] for run in runs("seed")) == ["0", "7"], "each was trained once"
    newest = runs("study")[-1].info.run_id
    assert {run.data.tags["mlflow.parentRunId"] for run in runs("seed")} == {newest}
    assert all(run.data.tags["layerwise.seeds"] == "2 of 2" for run in runs("study"))


@pytest.mark.slow
def test_killing_mlflow_run_leaves_no_trainer(
    popen: Callable[..., subprocess.Popen[str]], environment: dict[str, str], options: dict[str, str], store: str
) -> None:
    given = [f"-P{name}={value}" for name, value in (options | {"epochs": "500", "target_val_acc": "none"}).items()]
    front = popen(
        *(sys.executable, "-m", "mlflow", "run", str(ROOT), "--env-manager", "local", *given),
        env=environment | {"MLFLOW_TRACKING_URI": store},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    while "epoch 1/500" not in (line := front.stdout.readline()):
        assert line, "it ended too early"
    trainers = psutil.Process(front.pid).children(recursive=True)
    os.kill(front.pid, signal.SIGKILL)
    _gone, alive = psutil.wait_procs(trainers, timeout=100)
    assert alive == []
    assert {run.info.status for run in runs("seed") + runs("study")} == {"KILLED"}


@pytest.mark.slow
def test_a_killed_study_leaves_what_an_undisturbed_one_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    began = time.monotonic()
    (outcome,) = outcomes("study", 1, random.Random(1))
    assert (outcome.lost, outcome.doubled, outcome.other) == (0, 0, 0)
    assert len(outcome.killed_at) == 1, f"after {time.monotonic() - began:.0f} s"
    assert outcome.points > 500
