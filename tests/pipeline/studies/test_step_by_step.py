"""prepare, train and aggregate one by one give what the main entry point gives, on a real tracking server."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import pytest
from mlflow.entities import Run

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
MAY_DIFFER = {"epoch_seconds"}


class Both(NamedTuple):
    client: mlflow.MlflowClient
    main: Run
    by_hand: Run

    def seeds(self, study: Run) -> list[Run]:
        below = f"tags.`mlflow.parentRunId` = '{study.info.run_id}'"
        return list(self.client.search_runs(["0"], below, order_by=["params.seed ASC"]))

    def histories(self, run: Run) -> dict[str, list[tuple[int, float]]]:
        keys = set(run.data.metrics) - MAY_DIFFER
        history = self.client.get_metric_history
        return {key: [(point.step, point.value) for point in history(run.info.run_id, key)] for key in keys}

    def files(self, run: Run, path: str = "") -> set[str]:
        found: set[str] = set()
        for item in self.client.list_artifacts(run.info.run_id, path):
            found |= self.files(run, item.path) if item.is_dir else {item.path}
        return found


@pytest.fixture(scope="module")
def both(run: Callable, options: dict[str, str], server: Any) -> Both:
    """A study made by `mlflow run`, and one made by hand with the same settings."""
    given = options | {"epochs": "1"}
    values = [f"-P{name}={value}" for name, value in given.items()]
    processes = [
        run("mlflow", "run", ".", "--env-manager=local", *values, "-Pseeds=0,1", MLFLOW_TRACKING_URI=server.address)
    ]
    arguments = [f"--{name}={value}" for name, value in given.items()]
    for command in (["prepare"], ["train", "--seed=0"], ["train", "--seed=1"], ["aggregate"]):
        processes.append(run("python", "-m", "pipeline", *command, *arguments, MLFLOW_TRACKING_URI=server.address))
    for process in processes:
        assert process.returncode == 0, process.stderr
    client = mlflow.MlflowClient(server.address)
    main, by_hand = client.search_runs(["0"], "tags.`layerwise.kind` = 'study'", order_by=["attributes.start_time ASC"])
    return Both(client, main, by_hand)


def test_runs_and_tags(both: Both) -> None:
    for study in (both.main, both.by_hand):
        assert (study.info.run_name, study.info.status) == ("AlexNet-tiny", "FINISHED")
        assert [run.info.run_name for run in both.seeds(study)] == ["seed-0", "seed-1"]
        tags = {run.data.tags["layerwise.study"] for run in (study, *both.seeds(study))}
        assert tags == {both.main.data.tags["layerwise.study"]}
        assert study.data.tags["layerwise.seeds"] == "2 of 2"
        assert study.data.params["seeds"] == "0,1"


def test_the_metrics_of_seeds_and_studies_are_equal_to_the_last_bit(both: Both) -> None:
    pairs = [(both.main, both.by_hand), *zip(both.seeds(both.main), both.seeds(both.by_hand), strict=True)]
    assert len(pairs) == 3
    for one, other in pairs:
        assert one.info.run_id != other.info.run_id
        assert both.histories(one) == both.histories(other)
        assert {"test_acc", "rwc/01_features.0", "rwc_group/early"} <= set(both.histories(one))


def test_the_artifacts_have_the_same_names(both: Both) -> None:
    assert both.files(both.main) == both.files(both.by_hand)
    assert "figures/rwc_layers.png" in both.files(both.main)
    for one, other in zip(both.seeds(both.main), both.seeds(both.by_hand), strict=True):
        assert both.files(one) == both.files(other)
        assert "checkpoints/initial.pt" in both.files(one)


def test_aggregating_again_redraws_the_figures_and_logs_nothing_twice(
    both: Both, run: Callable, server: Any, tmp_path: Path
) -> None:
    client, run_id = both.client, both.main.info.run_id
    client.log_text(run_id, "old", "figures/rwc_layers.svg")
    before = both.histories(both.main)
    process = run(
        "mlflow",
        "run",
        ".",
        "--env-manager=local",
        "-e",
        "aggregate",
        f"-Pstudy={run_id}",
        MLFLOW_TRACKING_URI=server.address,
    )
    assert process.returncode == 0, process.stderr
    figure = client.download_artifacts(run_id, "figures/rwc_layers.svg", str(tmp_path))
    assert Path(figure).read_text().startswith("<?xml")
    assert both.histories(client.get_run(run_id)) == before
    assert client.get_run(run_id).info.status == "FINISHED"
