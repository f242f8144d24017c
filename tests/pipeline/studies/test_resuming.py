"""A seed whose checkpoint cannot be downloaded, or was made by other code: nothing is overwritten or mixed."""

import errno
import shutil
import signal
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
import requests
import torch
from mlflow.entities import Run
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from pipeline.console.progress import Progress
from pipeline.host import provenance
from pipeline.host.signals import Interrupted
from pipeline.tracking import heartbeat
from pipeline.tracking.heartbeat import signs_of_life
from pipeline.tracking.retry import StoreError
from pipeline.tracking.seed_log import SeedLog
from pipeline.training import seed as learn_seed

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def study(call: Call, small_options: dict[str, str]) -> Call:
    def run_study(command: str = "study", **settings: object) -> tuple[int, str, str]:
        given = small_options | {"seeds": "3", "epochs": "6"} | settings
        if command == "train":
            del given["seeds"]
        return call(command, *(f"--{name}={value}" for name, value in given.items()))

    return run_study


@pytest.fixture
def interrupted(study: Call, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A seed that was interrupted after its fourth epoch; its checkpoints are of epochs 3 and 4."""
    real = Progress.show_epoch

    def show_epoch(self: Progress, epoch: int, *numbers: Any) -> None:
        if epoch > 4:
            raise Interrupted(signal.SIGTERM)
        real(self, epoch, *numbers)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "show_epoch", show_epoch)
        assert study(checkpoint_every=3)[0] == 128 + signal.SIGTERM
    return seeds()[0]


@pytest.fixture
def elsewhere(interrupted: Run) -> Run:
    """The same seed as another machine finds it: with the uploaded checkpoints alone."""
    shutil.rmtree(Path("cache") / "layerwise" / "outbox" / interrupted.info.run_id)
    return interrupted


def seeds() -> list[Run]:
    found = mlflow.MlflowClient().search_runs(["0"], "tags.layerwise.kind = 'seed'")
    return sorted(found, key=lambda run: run.info.start_time)


def slots(run: Run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (Path(run.info.artifact_uri) / "checkpoints").iterdir()}


def answer(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(f"{status} for url", response=response)


NOT_THERE = {
    "unreachable": (
        requests.ConnectionError("no route"),
        "seed 3 failed: the tracking server is unreachable (no route",
    ),
    "a gateway's error": (answer(502), "seed 3 failed: the tracking server is unreachable (502"),
    "expired credentials": (answer(403), "slot-b.pt cannot be downloaded from"),
    "deleted": (answer(404), "fresh=true trains from the start instead"),
    "a small /tmp": (OSError(errno.ENOSPC, "no space"), "in the folder for temporary files (TMPDIR), has no room"),
}


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize(("error", "said"), NOT_THERE.values(), ids=NOT_THERE)
def test_a_checkpoint_that_cannot_be_downloaded_is_not_damaged_and_costs_nothing(
    study: Call, elsewhere: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    before, real = slots(elsewhere), LocalArtifactRepository.download_artifacts

    def fail(self: LocalArtifactRepository, artifact_path: str, dst_path: str | None = None) -> str:
        if artifact_path.endswith("slot-b.pt"):
            raise error
        return str(real(self, artifact_path, dst_path))

    with monkeypatch.context() as patch:
        patch.setattr(LocalArtifactRepository, "download_artifacts", fail)
        code, out, err = study(server_wait=0)
    assert code == 1
    assert said in err
    assert "Traceback" not in err
    assert "damaged" not in out + err
    assert slots(elsewhere) == before
    code, out, _err = study()
    assert (code, "resumes after epoch 4" in out, "epoch 4/6" in out) == (0, True, False)
    assert [run.info.run_id for run in seeds()] == [elsewhere.info.run_id]


def test_a_seed_resumed_by_other_code_records_the_code_of_each_epoch(
    study: Call, interrupted: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learn_seed, "commit", lambda: "other code")
    assert study(threads=1)[0] == 0
    (seed,) = seeds()
    first = interrupted.data.tags
    assert seed.data.tags["layerwise.commit"] == f"{first['layerwise.commit']}; from epoch 5: other code"
    assert seed.data.tags["layerwise.versions"] == first["layerwise.versions"]
    report = (Path(runs_of("study")[-1].info.artifact_uri) / "report.html").read_text()
    assert "from epoch 5: other code" in report


def runs_of(kind: str) -> list[Run]:
    found = mlflow.MlflowClient().search_runs(["0"], f"tags.layerwise.kind = '{kind}'")
    return sorted(found, key=lambda run: run.info.start_time)


@pytest.mark.usefixtures("unrendered")
def test_a_run_with_more_epochs_records_the_code_of_the_copied_ones(
    study: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert study(epochs=2)[0] == 0
    monkeypatch.setattr(learn_seed, "commit", lambda: "other code")
    assert study(epochs=3)[0] == 0
    first, second = seeds()
    assert second.data.tags["layerwise.commit"] == f"{first.data.tags['layerwise.commit']}; from epoch 3: other code"


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize(("code", "runs"), [("the same", 1), ("other code", 2)])
def test_epochs_logged_after_the_checkpoint_and_trained_again_by_other_code_go_into_a_new_run(
    study: Call, monkeypatch: pytest.MonkeyPatch, code: str, runs: int
) -> None:
    """Their metrics stand in the first run: the tables of the second code would say something else."""
    monkeypatch.setattr(learn_seed, "commit", lambda: "the same")
    real = Progress.show_epoch

    def die(self: Progress, epoch: int, *numbers: Any) -> None:
        if epoch == 5:
            raise MemoryError
        real(self, epoch, *numbers)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "show_epoch", die)
        assert study(checkpoint_every=2, epochs=9)[0] == 1
    shutil.rmtree(Path("cache") / "layerwise" / "outbox" / seeds()[0].info.run_id)
    (Path(seeds()[0].info.artifact_uri) / "checkpoints" / "slot-b.pt").write_bytes(b"damaged")  # that of epoch 4
    monkeypatch.setattr(learn_seed, "commit", lambda: code)
    assert study(checkpoint_every=2, epochs=9)[0] == 0
    assert len(seeds()) == runs
    history = mlflow.MlflowClient().get_metric_history(seeds()[-1].info.run_id, "test_loss")
    assert [point.step for point in history] == list(range(1, 10))
    table = pd.read_csv(Path(seeds()[-1].info.artifact_uri) / "epoch_metrics.csv")
    losses = table[table["metric"] == "test_loss"]["value"].tolist()
    assert [point.value for point in history] == losses


@pytest.mark.parametrize(
    ("former", "now", "first", "record"),
    [
        ("", "a", 1, "a"),
        ("a", "a", 4, "a"),
        ("a", "b", 4, "a; from epoch 4: b"),
        ("a", "b", 1, "b"),
        ("a; from epoch 4: b", "b", 7, "a; from epoch 4: b"),
        ("a; from epoch 4: b", "c", 7, "a; from epoch 4: b; from epoch 7: c"),
        ("a; from epoch 4: b", "a", 3, "a"),
    ],
)
def test_a_record_of_what_made_which_epochs(former: str, now: str, first: int, record: str) -> None:
    assert provenance.history(former, now, first) == record
    assert provenance.made_after(record, 10**6) == {now}


def test_what_made_the_epochs_after_one() -> None:
    record = "a; from epoch 4: b; from epoch 9: c"
    assert provenance.made_after(record, 2) == {"a", "b", "c"}
    assert provenance.made_after(record, 3) == {"b", "c"}
    assert provenance.made_after(record, 8) == {"c"}
    assert provenance.made_after("a", 0) == {"a"}


@pytest.fixture
def another(store: str) -> Callable[[dict[str, str]], Run]:  # noqa: ARG001  # it sets the environment
    """Return a maker of a seed's run that a process of this machine trains now, as `train` or a study would."""
    client = mlflow.MlflowClient()

    def make(tags: dict[str, str]) -> Run:
        run = client.create_run("0", tags=tags)
        for name, value in (("seed", "3"), ("epochs", "6")):
            client.log_param(run.info.run_id, name, value)
        return run

    return make


def test_train_leaves_a_seed_to_the_process_that_trains_it(
    study: Call, interrupted: Run, another: Callable[[dict[str, str]], Run]
) -> None:
    busy = another(dict(interrupted.data.tags) | signs_of_life())
    code, _out, err = study("train", seed=3)
    assert (code, f"trains it in the run {busy.info.run_id}; wait for it" in err) == (2, True)
    assert len(seeds()) == 2, "no run is left behind"


@pytest.mark.usefixtures("unrendered")
def test_train_leaves_a_seed_to_the_study_that_has_locked_it(study: Call, interrupted: Run) -> None:
    tags = {"layerwise.kind": "study", "layerwise.study": interrupted.data.tags["layerwise.study"]}
    claim = {"layerwise.lock.3": "1"} | signs_of_life()
    mlflow.MlflowClient().create_run("0", tags=tags | claim)
    code, _out, err = study("train", seed=3)
    assert (code, "seed 3: left to another process, which has locked it" in err) == (2, True)
    assert {run.info.status for run in seeds()} == {"KILLED", "FAILED"}
    assert study("train", seed=4)[0] == 0


@pytest.mark.usefixtures("unrendered")
def test_the_seed_of_a_silent_process_is_copied_into_a_new_run(
    study: Call, interrupted: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process may still live: it must find that its run is no longer its own, and nothing may depend on it."""
    client, run_id = mlflow.MlflowClient(), interrupted.info.run_id
    silent = signs_of_life() | {"layerwise.host": "elsewhere", "layerwise.heartbeat": "1000000000"}
    for tag, value in silent.items():
        client.set_tag(run_id, tag, value)
    client.update_run(run_id, status="RUNNING")

    def interrupt(*_numbers: Any) -> None:
        raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.05)  # for two of which a silent process is watched
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "show_epoch", interrupt)
        assert study()[0] == 128 + signal.SIGTERM
    first, second = seeds()
    assert (first.info.status, first.data.tags["layerwise.pid"]) == ("KILLED", "fenced")
    copied = {name: torch.load(BytesIO(content)).get("epoch") for name, content in slots(second).items()}
    copied.pop("best-a.pt", None)  # unless epoch 4 is the best
    assert copied == {"initial.pt": None, "slot-a.pt": 4}
    assert study()[0] == 0
    history = client.get_metric_history(second.info.run_id, "test_loss")
    assert [point.step for point in history] == [1, 2, 3, 4, 5, 6]
    assert [run.info.status for run in seeds()] == ["KILLED", "FINISHED"]


def test_train_that_the_store_refuses_while_it_trains_has_failed_and_was_not_asked_wrongly(
    study: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise StoreError("uploading checkpoints/slot-a.pt is refused (413)")

    monkeypatch.setattr(SeedLog, "log_epoch", refuse)
    code, _out, err = study("train", seed=3)
    assert (code, "seed 3 failed: uploading checkpoints/slot-a.pt is refused (413)" in err) == (1, True)
    assert [run.info.status for run in seeds()] == ["FAILED"]
