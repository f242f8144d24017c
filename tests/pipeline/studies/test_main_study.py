"""A whole study through `mlflow run`, from outside the folder: what the contract promises, point by point."""

import csv
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import mlflow
import numpy as np
import pytest
import torch
import yaml
from mlflow.entities import Run

from pipeline.measure.measurements import MEASUREMENTS

ROOT = Path(__file__).parents[3]
CONVS = ["features.0", "features.3", "features.6", "features.8", "features.10"]
LAYERS = [*CONVS, "classifier.1", "classifier.4", "classifier.6"]
RWC = [f"rwc/{position:02}_{layer}" for position, layer in enumerate(LAYERS, start=1)]
GROUPS = {"early": CONVS[:1], "middle": CONVS[1:3], "later": CONVS[3:]}
THIRDS = {
    f"rwc_third/{third}": LAYERS[part]
    for third, part in zip(("first", "middle", "last"), (slice(0, 3), slice(3, 5), slice(5, 8)), strict=True)
}
GROUP_KEYS = {f"{metric}_group/{group}" for metric in ("rwc", "rwc_elementwise") for group in GROUPS}
SCALARS = {"train_loss", "train_acc", "test_loss", "test_acc", "epoch_seconds"}


class Finished(NamedTuple):
    client: mlflow.MlflowClient
    output: str
    study: Run
    seeds: list[Run]

    def history(self, run: Run, key: str) -> dict[int, float]:
        points = self.client.get_metric_history(run.info.run_id, key)
        assert len({point.step for point in points}) == len(points), f"{key} stands twice"
        return {point.step: point.value for point in points}

    def artifacts(self, run: Run) -> Path:
        return Path(run.info.artifact_uri)


@pytest.fixture(scope="module")
def options(options: dict[str, str]) -> dict[str, str]:
    """The same with the paper's AlexNet."""
    return options | {"model_name": "alexnet"}


@pytest.fixture(scope="module")
def finished(run: Callable, options: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The runs that `mlflow run` of two seeds leaves in the store of an empty folder."""
    folder = tmp_path_factory.mktemp("outside")
    values = [f"-P{name}={value}" for name, value in options.items()]
    values += ["-Pseeds=0, 7", "-Pcheckpoint_every=1"]
    process = run("mlflow", "run", str(ROOT), "--env-manager", "local", *values, cwd=folder)
    assert process.returncode == 0, process.stderr
    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    runs = client.search_runs(["0"], order_by=["attributes.start_time ASC"])
    return Finished(client, process.stdout, runs[0], list(runs[1:]))


def test_one_study_run_with_its_seeds_below(finished: Finished) -> None:
    study, seeds = finished.study, finished.seeds
    assert [run.info.run_name for run in (study, *seeds)] == ["AlexNet-tiny", "seed-0", "seed-7"]
    assert [run.info.status for run in (study, *seeds)] == ["FINISHED"] * 3
    assert [run.data.tags["layerwise.kind"] for run in (study, *seeds)] == ["study", "seed", "seed"]
    assert [run.data.tags["mlflow.parentRunId"] for run in seeds] == [study.info.run_id] * 2
    assert len({run.data.tags["layerwise.study"] for run in (study, *seeds)}) == 1
    assert study.data.tags["layerwise.seeds"] == "2 of 2"


def test_seed_runs_hold_all_params_resolved(finished: Finished, options: dict[str, str]) -> None:
    defaults = [line.partition(":")[0] for line in (ROOT / "params.yaml").read_text().split("# Table")[0].splitlines()]
    names = {name for name in defaults if name and not name.startswith(("#", " "))}
    for run, seed in zip(finished.seeds, ("0", "7"), strict=True):
        assert set(run.data.params) == names | {"seed"}
        assert run.data.params["seed"] == seed
        assert (run.data.params["model_name"], run.data.params["lr"]) == ("AlexNet", "0.01")
        assert run.data.params["dataset"] == options["dataset"]
        unresolved = {name for name, value in run.data.params.items() if value in ("auto", "paper")}
        assert unresolved == {"step_angle_every", "checkpoint_every"} & unresolved


def test_the_study_run_keeps_the_person_s_spelling_and_config_yaml_holds_all(finished: Finished) -> None:
    params = finished.study.data.params
    assert (params["model_name"], params["lr"], params["seeds"]) == ("alexnet", "1e-2", "'0, 7'")
    assert params["momentum"] == "0.9"
    config = yaml.safe_load((finished.artifacts(finished.study) / "config.yaml").read_text())
    assert set(config) == set(params)
    assert (config["model_name"], config["lr"], config["seeds"]) == ("AlexNet", 0.01, "0,7")


def test_one_filter_finds_study_and_seeds_by_their_resolved_settings(
    finished: Finished, options: dict[str, str]
) -> None:
    """The study's params keep the person's spelling, so that a filter on params misses it."""
    expected = {run.info.run_id for run in (finished.study, *finished.seeds)}
    for setting, value in (
        ("model_name", "AlexNet"),
        ("dataset", options["dataset"]),
        ("lr", "0.01"),
        ("weight_decay", "0.0001"),
        ("batch_size", "16"),
        ("epochs", "2"),
        ("device", "cpu"),
    ):
        found = finished.client.search_runs(["0"], f"tags.layerwise.{setting} = '{value}'")
        assert {run.info.run_id for run in found} == expected, setting
    assert finished.study.data.tags["layerwise.seed_list"] == "0,7"


def test_seed_runs_hold_every_metric_of_every_epoch_once(finished: Finished) -> None:
    for run in finished.seeds:
        assert set(run.data.metrics) == SCALARS | set(RWC) | GROUP_KEYS | set(THIRDS)
        for key in run.data.metrics:
            assert set(finished.history(run, key)) == {1, 2}
        for group, layers in (GROUPS | THIRDS).items():
            values = [finished.history(run, key) for key, layer in zip(RWC, LAYERS, strict=True) if layer in layers]
            key = group if group in THIRDS else f"rwc_group/{group}"
            for epoch, value in finished.history(run, key).items():
                assert value == pytest.approx(statistics.fmean(of_layer[epoch] for of_layer in values))


def test_the_layer_table_agrees_with_the_metrics_and_the_initial_weights(finished: Finished) -> None:
    for run in finished.seeds:
        with (finished.artifacts(run) / "layer_metrics.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == ["epoch", "layer", "group", "metric", "value"]
        measured = {*MEASUREMENTS, "step_angle", "step_ratio", "straightness"}
        assert {row["metric"] for row in rows} == measured
        assert len(rows) == (2 * len(measured) - 1) * len(LAYERS)  # the first epoch has no epoch_cosine
        for key, layer in zip(RWC, LAYERS, strict=True):
            found = [row for row in rows if row["layer"] == layer and row["metric"] == "rwc"]
            assert {int(row["epoch"]): float(row["value"]) for row in found} == finished.history(run, key)
            assert {row["group"] for row in found} == {next((g for g, names in GROUPS.items() if layer in names), "")}


def test_the_table_of_epochs_agrees_with_the_metrics(finished: Finished) -> None:
    for run in finished.seeds:
        with (finished.artifacts(run) / "epoch_metrics.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == ["epoch", "metric", "value"]
        assert len(rows) == 2 * len(SCALARS)
        for name in SCALARS:
            found = {int(row["epoch"]): float(row["value"]) for row in rows if row["metric"] == name}
            assert found == finished.history(run, name)


def test_checkpoints_are_two_slots_with_the_best_weights_and_the_initial_ones(finished: Finished) -> None:
    for run in finished.seeds:
        folder = finished.artifacts(run) / "checkpoints"
        accuracies = finished.history(run, "test_acc")
        best = min(epoch for epoch in (1, 2) if accuracies[epoch] == max(accuracies.values()))
        others = {"best-a.pt"} if best == 1 else set()  # the last slot's own weights are the best
        assert {path.name for path in folder.iterdir()} == {"initial.pt", "slot-a.pt", "slot-b.pt"} | others
        initial, first, last = (
            torch.load(folder / name, weights_only=True) for name in ("initial.pt", "slot-a.pt", "slot-b.pt")
        )
        assert (first["epoch"], last["epoch"]) == (1, 2)
        assert set(last["model"]) == set(initial)
        change = (first["model"]["features.0.weight"] - initial["features.0.weight"]).abs().sum()
        rwc = change / initial["features.0.weight"].abs().sum()
        assert rwc.item() == pytest.approx(finished.history(run, RWC[0])[1], rel=1e-5)
        assert last["optimizer"]["state"]
        (group,) = last["optimizer"]["param_groups"]
        assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.01, 0.9, 1e-4)
        assert last["best"] == {"epoch": best, "accuracy": accuracies[best]}


def test_every_seed_starts_from_weights_of_its_own(finished: Finished) -> None:
    one, other = (torch.load(finished.artifacts(run) / "checkpoints" / "initial.pt") for run in finished.seeds)
    assert not torch.equal(one["features.0.weight"], other["features.0.weight"])


def test_the_best_model_loads_both_ways_and_takes_raw_images(
    finished: Finished, tiny_npz: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", finished.client.tracking_uri)
    images = np.load(tiny_npz)["x_test"][..., np.newaxis]
    for run in finished.seeds:
        (output,) = run.outputs.model_outputs
        uri = f"models:/{output.model_id}"
        probabilities = mlflow.pyfunc.load_model(uri).predict(images)
        assert probabilities.shape == (24, 2)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
        with torch.no_grad():
            again = mlflow.pytorch.load_model(uri)(torch.from_numpy(images))
        np.testing.assert_allclose(again.numpy(), probabilities, rtol=1e-5)
        assert list(probabilities.columns) == ["0", "1"]  # the names of the classes
        accuracy = 100 * (probabilities.to_numpy().argmax(axis=1) == np.load(tiny_npz)["y_test"]).mean()
        assert accuracy == pytest.approx(max(finished.history(run, "test_acc").values()))


def test_the_study_s_metrics_are_the_means_over_the_seeds(finished: Finished) -> None:
    means = SCALARS | set(RWC) | GROUP_KEYS | set(THIRDS)
    assert set(finished.study.data.metrics) == means | {"test_acc_mean", "test_acc_std"}
    for key in means:
        by_seed = [finished.history(run, key) for run in finished.seeds]
        for epoch, value in finished.history(finished.study, key).items():
            assert value == pytest.approx(statistics.fmean(history[epoch] for history in by_seed))
    final = [finished.history(run, "test_acc")[2] for run in finished.seeds]
    assert finished.study.data.metrics["test_acc_mean"] == pytest.approx(statistics.fmean(final))
    assert finished.study.data.metrics["test_acc_std"] == pytest.approx(statistics.stdev(final))


def test_the_study_s_artifacts(finished: Finished) -> None:
    folder = finished.artifacts(finished.study)
    figures = {"rwc_layers", "rwc_heatmap", "straightness", "terms", "accuracy_loss"}
    figures |= {f"{form}_early_middle_later" for form in ("rwc", "rwc_elementwise")}
    names = {f"{name}.{ending}" for name in figures for ending in ("png", "svg")}
    assert {path.name for path in (folder / "figures").iterdir()} == names
    tables = {"layers", "epochs", "seeds", "groups", "depth", "equilibrium", "terms", "undefined", "claims"}
    assert {path.name for path in (folder / "tables").iterdir()} == {f"{name}.csv" for name in tables}
    with (folder / "tables" / "layers.csv").open() as file:
        rows = list(csv.DictReader(file))
    statistics_of = ["mean", "std", "median", "iqm", "low", "high", "lowest", "highest", "n"]
    assert list(rows[0]) == ["epoch", "layer", "group", "metric", *statistics_of]
    assert {row["n"] for row in rows} == {"2"}
    assert str(folder / "figures") in finished.output


def test_the_data_are_described(finished: Finished, tiny_npz: Path) -> None:
    folder = finished.artifacts(finished.study) / "data"
    pictures = {f"{name}.{ending}" for name in ("samples", "class_balance") for ending in ("png", "svg")}
    assert {path.name for path in folder.iterdir()} == pictures | {"manifest.json"}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["source"] == str(tiny_npz)
    for run in (finished.study, *finished.seeds):
        (used,) = run.inputs.dataset_inputs
        assert (used.dataset.name, used.dataset.digest) == ("tiny", manifest["digest"])


def test_one_line_an_epoch_and_how_long_it_takes(finished: Finished) -> None:
    lines = [line for line in finished.output.splitlines() if "  epoch " in line]
    assert [line.split("  train")[0] for line in lines] == [
        "seed 0  epoch 1/2", "seed 0  epoch 2/2", "seed 7  epoch 1/2", "seed 7  epoch 2/2",
    ]  # fmt: skip
    assert "the study: 2 seeds x 2 epochs:" in finished.output
