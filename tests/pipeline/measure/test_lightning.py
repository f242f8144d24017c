"""The callback with the real Lightning: values, keys and steps in its loggers."""

import csv
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import mlflow
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from pipeline.measure import LayerTracker
from pipeline.measure.history import rows_of

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # the libraries have warnings of their own
lightning = pytest.importorskip("lightning.pytorch", reason="Lightning is not installed: make test-adapters")
older = import_module("pytorch_lightning")
LayerwiseCallback = import_module("pipeline.measure.lightning").LayerwiseCallback
CSVLogger = lightning.loggers.CSVLogger

BATCHES = 6
KEYS = ["rwc/01_hidden", "rwc/02_out"]


class Training:
    """Logs its loss in every step and epoch, and keeps copies of a layer's weights at the ends of epochs."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.hidden, self.out = nn.Linear(4, 8), nn.Linear(8, 1)
        self.weights = [self.hidden.weight.detach().clone()]

    def training_step(self, batch: list[torch.Tensor], _index: int) -> torch.Tensor:
        loss = self.out(self.hidden(batch[0]).relu()).square().mean()
        self.log("loss", loss, on_step=True, on_epoch=True)
        return loss

    def on_train_epoch_end(self) -> None:
        self.weights.append(self.hidden.weight.detach().clone())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Network(Training, lightning.LightningModule):
    pass


class OlderNetwork(Training, older.LightningModule):
    pass


def fit(folder: Path, callback: Any, package: Any = lightning, **options: Any) -> Any:
    torch.manual_seed(1)
    images = DataLoader(TensorDataset(torch.randn(BATCHES * 2, 4)), batch_size=2)
    model = Network() if package is lightning else OlderNetwork()
    given = {"max_epochs": 3, "devices": 1, "logger": CSVLogger(folder, "", ""), "log_every_n_steps": 1} | options
    trainer = package.Trainer(
        callbacks=[callback], accelerator="cpu", default_root_dir=folder,
        enable_progress_bar=False, enable_model_summary=False, **given,
    )  # fmt: skip
    trainer.fit(model, images)
    return model


def logged(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def measured(folder: Path) -> list[dict[str, str]]:
    return [row for row in logged(folder) if row[KEYS[0]]]


def test_each_epoch_is_logged_with_lightning_s_own_metrics_of_the_epoch(tmp_path: Path) -> None:
    callback = LayerwiseCallback()
    weights = fit(tmp_path, callback).weights
    rows = measured(tmp_path)
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert [row["step"] for row in rows] == [row["step"] for row in logged(tmp_path) if row["loss_epoch"]]
    expected = [((after - before).abs().sum() / before.abs().sum()).item() for before, after in pairwise(weights)]
    assert [float(row[KEYS[0]]) for row in rows] == pytest.approx(expected)
    assert all(0 < float(row[KEYS[1]]) < 1 for row in rows)
    assert [row.value for row in rows_of(callback.tracker.history) if row.layer == "hidden"] == pytest.approx(expected)


def test_every_n_steps_are_logged_at_the_step_of_the_loss(tmp_path: Path) -> None:
    fit(tmp_path, LayerwiseCallback(every=4), max_epochs=2)
    assert [int(row["step"]) for row in measured(tmp_path)] == [3, 7, 11]
    assert [int(row["step"]) for row in logged(tmp_path) if row["loss_step"]] == list(range(2 * BATCHES))  # from 0


def test_batches_that_only_accumulate_gradients_are_no_steps(tmp_path: Path) -> None:
    callback = LayerwiseCallback(every=1)
    fit(tmp_path, callback, max_epochs=1, accumulate_grad_batches=3)
    assert [int(row["step"]) for row in measured(tmp_path)] == [0, 1]
    assert all(row.value > 0 for row in rows_of(callback.tracker.history))


def test_measurements_and_layers_can_be_chosen(tmp_path: Path) -> None:
    fit(tmp_path, LayerwiseCallback(["rwc", "weight_norm"], layers=["out"]))
    assert {key for key in logged(tmp_path)[0] if "/" in key} == {"rwc/01_out", "weight_norm/01_out"}


def test_tensorboard_and_mlflow_have_the_pipeline_s_keys(tmp_path: Path) -> None:
    accumulator = import_module("tensorboard.backend.event_processing.event_accumulator")
    server = f"sqlite:///{tmp_path / 'mlflow.db'}"
    board = lightning.loggers.TensorBoardLogger(tmp_path, "board", "")
    store = lightning.loggers.MLFlowLogger(
        "own loop", tracking_uri=server, artifact_location=str(tmp_path / "artifacts")
    )
    callback = LayerwiseCallback()
    fit(tmp_path, callback, logger=[board, store])
    events = accumulator.EventAccumulator(str(tmp_path / "board")).Reload()
    history = mlflow.MlflowClient(server).get_metric_history(store.run_id, KEYS[0])
    expected = [row.value for row in rows_of(callback.tracker.history) if row.layer == "hidden"]
    assert set(KEYS) < set(events.Tags()["scalars"])
    assert [point.value for point in history] == expected
    assert [point.step for point in history] == [point.step for point in events.Scalars(KEYS[0])] == [5, 11, 17]


def test_without_a_logger_the_history_is_kept(tmp_path: Path) -> None:
    callback = LayerwiseCallback()
    fit(tmp_path, callback, logger=False)
    assert len(rows_of(callback.tracker.history)) == 6


def test_a_training_that_resumes_logs_at_the_steps_that_follow(tmp_path: Path) -> None:
    fit(tmp_path / "first", LayerwiseCallback(every=5), max_epochs=1)
    (checkpoint,) = (tmp_path / "first").rglob("*.ckpt")
    torch.manual_seed(1)
    trainer = lightning.Trainer(
        callbacks=[LayerwiseCallback(every=5)], accelerator="cpu", max_epochs=3, logger=CSVLogger(tmp_path, "", ""),
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False,
    )  # fmt: skip
    trainer.fit(Network(), DataLoader(TensorDataset(torch.randn(BATCHES * 2, 4)), batch_size=2), ckpt_path=checkpoint)
    assert [int(row["step"]) for row in measured(tmp_path)] == [10, 15]  # 5 after the 6 of the first


def test_the_package_pytorch_lightning_takes_the_callback_as_well(tmp_path: Path) -> None:
    callback = LayerwiseCallback()
    fit(tmp_path, callback, older, logger=older.loggers.CSVLogger(tmp_path, "", ""))
    assert [float(row[KEYS[0]]) for row in measured(tmp_path)] == [
        row.value for row in rows_of(callback.tracker.history) if row.layer == "hidden"
    ]


def test_of_two_processes_rank_0_logs_what_both_measure(tmp_path: Path) -> None:
    fit(tmp_path, LayerwiseCallback(), strategy="ddp_spawn", devices=2)
    values = [float(row[KEYS[0]]) for row in measured(tmp_path)]
    assert len(values) == 3
    assert all(0 < value < 1 for value in values)


def test_what_the_tracker_refuses_ends_the_training_before_the_first_step(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean rwc"):
        fit(tmp_path, LayerwiseCallback(["rcw"]))
    with pytest.raises(ValueError, match="every=0 is not a number of steps"):
        LayerwiseCallback(every=0)


def test_the_names_are_those_of_a_tracker_of_the_module() -> None:
    assert list(LayerTracker(Network()).weights) == ["hidden", "out"]
