"""The entry point `sweep` on this machine: its plan, its runs, a study that fails, and the same sweep again."""

import shutil
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from mlflow.entities import Run

pytestmark = pytest.mark.usefixtures("unrendered")

Call = Callable[..., tuple[int, str, str]]


def runs(kind: str) -> list[Run]:
    order = ["attributes.start_time ASC"]
    return mlflow.MlflowClient().search_runs(["0"], f"tags.`layerwise.kind` = '{kind}'", order_by=order)


@pytest.fixture
def two(small_options: dict[str, str]) -> list[str]:
    """A sweep over two learning rates, of two seeds each."""
    given = small_options | {"lr": "1e-2,0.1", "seeds": "0,7", "epochs": "1"}
    return [f"--{name}={value}" for name, value in given.items()]


def test_a_sweep_is_a_run_with_a_study_for_each_combination_and_their_comparison(call: Call, two: list[str]) -> None:
    code, out, err = call("sweep", *two)
    assert (code, err) == (0, "")
    assert out.index("study Small-tiny lr=0.01\n") < out.index("study Small-tiny lr=0.1\n")
    (sweep,), studies, seeds = runs("sweep"), runs("study"), runs("seed")
    assert {run.info.status for run in (sweep, *studies, *seeds)} == {"FINISHED"}
    assert sweep.info.run_name == "sweep-2-studies"
    assert (sweep.data.params["lr"], sweep.data.params["seeds"]) == ("1e-2,0.1", "0,7")
    assert [run.data.params["lr"] for run in studies] == ["0.01", "0.1"]
    assert {run.data.tags["mlflow.parentRunId"] for run in studies} == {sweep.info.run_id}
    below = [run.data.tags["mlflow.parentRunId"] for run in seeds]
    assert all(below.count(study.info.run_id) == 2 for study in studies)
    artifacts = {file.path for file in mlflow.MlflowClient().list_artifacts(sweep.info.run_id)}
    assert {"compare.html", "figures", "tables"} <= artifacts
    assert "lr=0.1" in sweep.data.tags["mlflow.note.content"]


def test_a_plan_prints_the_studies_and_runs_nothing(call: Call, two: list[str]) -> None:
    code, out, err = call("sweep", *two, "--plan=true")
    assert (code, err) == (0, "")
    head, first, second, total = out.splitlines()
    assert head.split() == ["study", "seeds", "finished", "to", "resume", "to", "start", "time"]
    assert first.split()[:6] == ["Small-tiny", "lr=0.01", "2", "0", "0", "2"]
    assert second.split()[:6] == ["Small-tiny", "lr=0.1", "2", "0", "0", "2"]
    assert total.startswith("time in all: about 0:")
    assert [run for kind in ("sweep", "study", "seed") for run in runs(kind)] == []


def test_what_is_finished_is_planned_no_more_and_trained_no_more(call: Call, two: list[str]) -> None:
    assert call("study", *two, "--lr=1e-2", "--seeds=0")[0] == 0
    (trained,) = runs("seed")
    _code, out, _err = call("sweep", *two, "--plan=true")
    assert out.splitlines()[1].split()[:6] == ["Small-tiny", "lr=0.01", "2", "1", "0", "1"]
    assert call("sweep", *two)[0] == 0
    assert len(runs("seed")) == 4
    assert trained.info.run_id in {run.info.run_id for run in runs("seed")}
    code, out, _err = call("sweep", *two, "--plan=true")
    assert (code, out.splitlines()[-1]) == (0, "time in all: about 0:00:00, 1 seed at a time, if none stops early")
    assert call("sweep", *two)[0] == 0
    assert len(runs("seed")) == 4


def test_a_study_that_fails_costs_the_others_nothing(call: Call, two: list[str]) -> None:
    code, _out, err = call("sweep", *two, "--lr=1e30,0.01")
    assert code == 1
    assert "study Small-tiny lr=1e+30: 0 of 2 seeds finished; missing: 0, 7" in err
    assert err.splitlines()[-1] == "error: 1 of 2 studies finished; not: Small-tiny lr=1e+30"
    assert [run.info.status for run in runs("study")] == ["FAILED", "FINISHED"]
    assert runs("sweep")[0].info.status == "FAILED"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--plan=perhaps", "'--plan': 'perhaps' is not one of 'true', 'false'"),
        ("--dataset=Digits,Digits", "a sweep must name every study once; Small-Digits lr=0.01"),
        ("--precision=auto,fp32,bf16", "are the same: remove one"),  # auto is one of the others, wherever this runs
        ("--executor=slurm", "executor must be one of local, ray; got 'slurm'"),
        ("--ray_gpus=-1", "ray_gpus must be 0, a share of 1 from 0.001, or a whole number, or auto; got '-1'"),
        ("--ray_gpus=1.5", "ray_gpus must be 0, a share of 1 from 0.001, or a whole number, or auto; got '1.5'"),
    ],
)
def test_bad_input_runs_nothing(call: Call, two: list[str], given: str, said: str) -> None:
    code, _out, err = call("sweep", *two, given)
    assert (code, err.count("\n")) == (2, 1)
    assert said in err
    assert runs("sweep") == []


def test_a_data_set_whose_path_has_quotes_is_trained_and_timed(call: Callable, small_options: dict[str, str]) -> None:
    """MLflow's filters know no way to write a text with both kinds."""
    path = Path("""O'Brien's "set".npz""").absolute()
    shutil.copy(small_options["dataset"], path)
    given = small_options | {"dataset": str(path), "lr": "0.01,0.1", "seeds": "0", "epochs": "1"}
    arguments = [f"--{name}={value}" for name, value in given.items()]
    assert call("sweep", *arguments)[0] == 0
    code, out, _err = call("sweep", *arguments, "--plan=true")
    assert (code, "unknown" in out) == (0, False)
