"""`compare` over a real store: which studies it takes, the run it leaves, and what it refuses."""

from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from mlflow.entities import Run

from tests.support.rendering import leave_out_figures, leave_out_models

Call = Callable[..., tuple[int, str, str]]


def runs(kind: str) -> list[Run]:
    found = mlflow.MlflowClient().search_runs(["0"], order_by=["attributes.start_time ASC"])
    return [run for run in found if run.data.tags["layerwise.kind"] == kind]


@pytest.fixture
def two(call: Call, small_options: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Two studies that differ by the learning rate, the first of them run twice."""
    with monkeypatch.context() as patch:
        leave_out_figures(patch)
        leave_out_models(patch)
        for lr, seeds in (("0.01", "0"), ("0.02", "0,7"), ("0.01", "0,7")):
            given = small_options | {"lr": lr, "seeds": seeds, "epochs": "1"}
            assert call("study", *(f"--{name}={value}" for name, value in given.items()))[0] == 0
    return runs("study")


def test_compare_takes_finished_studies_and_skips_others(
    call: Call, two: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    _older, other, newest = (run.info.run_id for run in two)
    code, out, _err = call("compare")
    assert code == 0
    assert f"lr=0.02: run {other}, 2 seeds" in out
    assert f"lr=0.01: run {newest}, 2 seeds" in out, "of equal settings the newest"
    (run,) = runs("compare")
    assert run.info.status == "FINISHED"
    assert run.data.params == {"studies": "all"}
    assert set(run.data.tags["layerwise.compared"].split(",")) == {other, newest}
    folder = Path(run.info.artifact_uri)
    assert {path.name for path in folder.iterdir()} == {"figures", "tables", "compare.html"}
    figures = {"accuracies", "rwc_by_model", "rwc_by_dataset"}
    assert {path.name for path in (folder / "figures").iterdir()} == {
        f"{f}.{e}" for f in figures for e in ("png", "svg")
    }

    going_on = {key: two[2].data.tags[key] for key in ("layerwise.kind", "layerwise.study")}
    newer = mlflow.MlflowClient().create_run("0", tags=going_on)  # no seed of it is finished yet
    mlflow.MlflowClient().log_param(newer.info.run_id, "epochs", "1")
    leave_out_figures(monkeypatch)
    for wanted in ("all", f"{newest}, {other}", "params.seeds LIKE '%7%'"):
        assert call("compare", f"--studies={wanted}")[0] == 0
        assert set(runs("compare")[-1].data.tags["layerwise.compared"].split(",")) == {other, newest}


@pytest.mark.parametrize(
    ("studies", "said"),
    [
        ("all", "has no study with finished seeds: give all, ids"),
        ("params.lr = '7'", "has no study with finished seeds for which params.lr = '7': give all"),
        ("params.lr >< 7", "studies is no filter that MLflow knows"),
        ("0123abc", "there is no run '0123abc'"),
        ("", "studies is empty: give all, ids"),
    ],
)
@pytest.mark.usefixtures("store")
def test_what_it_refuses(call: Call, studies: str, said: str) -> None:
    code, _out, err = call("compare", f"--studies={studies}")
    assert (code, err.count("\n")) == (2, 1)
    assert said in err
    assert mlflow.MlflowClient().search_runs(["0"]) == []
