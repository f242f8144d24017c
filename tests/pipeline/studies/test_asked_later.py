"""Measurements that are asked for once seeds are trained: what only training can measure is named, and how."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.entities import Run

from pipeline.console.progress import Progress
from pipeline.host.signals import Interrupted

pytestmark = pytest.mark.usefixtures("unrendered")

Call = Callable[..., tuple[int, str, str]]
MORE = {"snapshots": "true", "rwc_every": 2, "step_angle_every": 1}
FRESH = "which only training can measure: fresh=true trains every seed again\n"


@pytest.fixture
def do(call: Call, small_options: dict[str, str]) -> Call:
    def run_command(command: str = "study", **settings: object) -> tuple[int, str, str]:
        given = small_options | {"seeds": "3,4", "epochs": "1"} | settings
        return call(command, *(f"--{name}={value}" for name, value in given.items() if value is not None))

    return run_command


def seeds() -> list[Run]:
    found = mlflow.MlflowClient().search_runs(["0"], "tags.layerwise.kind = 'seed'")
    return sorted(found, key=lambda run: run.info.start_time)


def has_all(run: Run) -> bool:
    kept = Path(run.info.artifact_uri)
    return (kept / "checkpoints" / "weights-0001.pt").is_file() and (kept / "rwc_steps.csv").is_file()


def test_what_a_finished_study_lacks_is_named_and_fresh_makes_it(do: Call) -> None:
    assert do()[::2] == (0, "")
    lacking = "rwc_every=2, step_angle_every=1, snapshots=true"
    assert do(**MORE)[::2] == (0, f"seeds 3, 4: trained without {lacking}, {FRESH}")
    assert not any(map(has_all, seeds()))
    assert do("aggregate", **MORE)[::2] == (0, f"seeds 3, 4: trained without {lacking}, {FRESH}")
    assert do("aggregate")[::2] == do()[::2] == (0, ""), "nothing else is asked for"
    assert do(**MORE, fresh="true")[::2] == (0, "")
    assert list(map(has_all, seeds())) == [False, False, True, True]
    assert do(**MORE)[::2] == do()[::2] == (0, "")
    assert do(rwc_every=3)[::2] == (0, f"seeds 3, 4: trained without rwc_every=3, {FRESH}")


def test_what_changes_no_measurement_is_not_named(do: Call) -> None:
    assert do(seeds="3", **MORE)[::2] == (0, "")
    assert do(seeds="3", step_angle_every=7)[::2] == (0, ""), "more steps were sampled"
    assert do(seeds="3", step_angle_every="auto")[::2] == (0, ""), "any samples will do"
    others = {"step_angle_every": "none", "checkpoint_every": 1, "threads": 1, "register": "true"}
    assert do(seeds="3", **others)[::2] == (0, "")


def test_only_the_seeds_that_lack_it_are_named_and_train_names_its_own(do: Call) -> None:
    assert do(seeds="3")[::2] == (0, "")
    assert do(seeds="3,4", snapshots="true")[::2] == (0, f"seed 3: trained without snapshots=true, {FRESH}")
    assert do(seeds="3,4", snapshots="true")[::2] == (0, f"seed 3: trained without snapshots=true, {FRESH}")
    said = do("train", seeds=None, seed=3, snapshots="true")[::2]
    assert said == (0, f"seed 3: trained without snapshots=true, {FRESH}")


def test_a_resumed_or_longer_seed_names_the_epochs_that_lack_it(do: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Progress.show_epoch

    def interrupt(self: Progress, epoch: int, *numbers: Any) -> None:
        if epoch > 2:
            raise Interrupted(signal.SIGTERM)
        real(self, epoch, *numbers)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "show_epoch", interrupt)
        assert do(seeds="3", epochs=4)[0] == 128 + signal.SIGTERM
    said = f"trained without rwc_every=2, snapshots=true, {FRESH}"
    more = {"snapshots": "true", "rwc_every": 2}
    assert do(seeds="3", epochs=4, **more)[::2] == (0, f"seed 3 (epochs 1 to 2): {said}")
    without, measured = "snapshots=false rwc_every=none", "snapshots=true rwc_every=2"
    (seed,) = seeds()
    record = seed.data.tags["layerwise.measured"]
    assert [set(text.split()) for text in record.split("; from epoch 3: ")] == [
        {*without.split(), "step_angle_every=auto"},
        {*measured.split(), "step_angle_every=auto"},
    ]
    assert do(seeds="3", epochs=4, **more)[::2] == (0, f"seed 3: {said}"), "a part of its epochs"
    assert do(seeds="3", epochs=5, **more)[::2] == (0, f"seed 3 (epochs 1 to 4): {said}")
    assert do(seeds="3", epochs=5)[::2] == (0, "")


def test_runs_of_before_say_by_their_params_how_they_were_measured(do: Call) -> None:
    assert do(seeds="3")[::2] == (0, "")
    mlflow.MlflowClient().delete_tag(seeds()[0].info.run_id, "layerwise.measured")
    assert do(seeds="3")[::2] == (0, "")
    assert do(seeds="3", rwc_every=2)[::2] == (0, f"seed 3: trained without rwc_every=2, {FRESH}")
