"""The callback with the real Hugging Face Trainer: values, keys and steps wherever it reports to."""

from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import mlflow
import pytest
import torch
from torch import nn

from pipeline.measure.history import rows_of

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # the libraries have warnings of their own
transformers = pytest.importorskip("transformers", reason="transformers is not installed: make test-adapters")
LayerwiseCallback = import_module("pipeline.measure.transformers").LayerwiseCallback

STEPS = 6  # an epoch
KEYS = ["rwc/01_hidden", "rwc/02_out"]


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.hidden, self.out = nn.Linear(4, 8), nn.Linear(8, 1)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"loss": self.out(self.hidden(x).relu()).square().mean()}


class Copies(transformers.TrainerCallback):
    """Keeps copies of a layer's weights at the ends of epochs."""

    def __init__(self) -> None:
        self.weights: list[torch.Tensor] = []

    def on_epoch_end(self, *_: Any, model: Network, **__: Any) -> None:
        self.weights.append(model.hidden.weight.detach().clone())

    on_train_begin = on_epoch_end


def trainer_of(folder: Path, *callbacks: Any, **options: Any) -> Any:
    torch.manual_seed(1)
    given = {"num_train_epochs": 3, "report_to": "none", "logging_strategy": "epoch", "save_strategy": "no"} | options
    arguments = transformers.TrainingArguments(
        output_dir=str(folder), per_device_train_batch_size=2, learning_rate=0.1, use_cpu=True, disable_tqdm=True,
        seed=0, **given,
    )  # fmt: skip
    images = [{"x": torch.randn(4)} for _ in range(2 * STEPS)]
    return transformers.Trainer(Network(), arguments, train_dataset=images, callbacks=list(callbacks))


def train(folder: Path, *given: Any, **options: Any) -> Any:
    """Return the trainer, and the tracker, of a training with the callback; options of the Trainer are `args`."""
    trainer = trainer_of(folder, **options.pop("args", {}))
    callback = LayerwiseCallback(trainer, *given, **options)
    trainer.add_callback(callback)
    trainer.train()
    return trainer, callback.tracker


def lines(trainer: Any, key: str) -> list[tuple[int, float]]:
    """Return the steps and values of a key among what the Trainer logged."""
    return [(line["step"], line[key]) for line in trainer.state.log_history if key in line]


def test_each_epoch_is_logged_beside_the_trainer_s_own_loss(tmp_path: Path) -> None:
    copies = Copies()
    trainer = trainer_of(tmp_path, copies)
    callback = LayerwiseCallback(trainer)
    trainer.add_callback(callback)
    trainer.train()
    expected = [
        ((after - before).abs().sum() / before.abs().sum()).item() for before, after in pairwise(copies.weights)
    ]
    assert [value for _step, value in lines(trainer, KEYS[0])] == pytest.approx(expected)
    assert [step for step, _value in lines(trainer, KEYS[1])] == [STEPS, 2 * STEPS, 3 * STEPS]
    assert [step for step, _loss in lines(trainer, "loss")] == [STEPS, 2 * STEPS, 3 * STEPS]
    assert [row.value for row in rows_of(callback.tracker.history) if row.layer == "hidden"] == pytest.approx(expected)


@pytest.mark.parametrize("every", [1, 4])
def test_every_n_steps_are_logged_and_no_loss_is_lost(tmp_path: Path, every: int) -> None:
    trainer, _tracker = train(tmp_path, every=every, args={"logging_strategy": "steps", "logging_steps": 2})
    assert [step for step, _value in lines(trainer, KEYS[0])] == list(range(every, 3 * STEPS + 1, every))
    assert [step for step, _loss in lines(trainer, "loss")] == list(range(2, 3 * STEPS + 1, 2))


def test_batches_that_only_accumulate_gradients_are_no_steps(tmp_path: Path) -> None:
    trainer, tracker = train(tmp_path, every=1, args={"gradient_accumulation_steps": 3, "num_train_epochs": 1})
    assert [step for step, _value in lines(trainer, KEYS[0])] == [1, 2]
    assert all(row.value > 0 for row in rows_of(tracker.history))


def test_measurements_and_layers_can_be_chosen(tmp_path: Path) -> None:
    trainer, _tracker = train(tmp_path, ["rwc", "weight_norm"], layers=["out"])
    found = {key for line in trainer.state.log_history for key in line if "/" in key}
    assert found == {"rwc/01_out", "weight_norm/01_out"}


def test_mlflow_and_tensorboard_have_the_pipeline_s_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where MLflow keeps artifacts
    server = f"sqlite:///{tmp_path / 'mlflow.db'}"
    mlflow.set_tracking_uri(server)  # it stays set in this process, by Lightning's logger too
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "board"))
    _trainer, tracker = train(tmp_path, args={"report_to": ["mlflow", "tensorboard"]})
    expected = [row.value for row in rows_of(tracker.history) if row.layer == "hidden"]
    client = mlflow.MlflowClient(server)
    (run,) = client.search_runs(["0"])
    history = client.get_metric_history(run.info.run_id, KEYS[0])
    assert [(point.step, point.value) for point in history] == list(
        zip([STEPS, 2 * STEPS, 3 * STEPS], expected, strict=True)
    )
    accumulator = import_module("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(tmp_path / "board")).Reload()
    points = events.Scalars(f"train/{KEYS[0]}")  # the Trainer writes `train/` before all that it logs there
    assert [point.value for point in points] == pytest.approx(expected, rel=1e-6)


def test_a_training_that_resumes_logs_at_the_steps_that_follow(tmp_path: Path) -> None:
    saving = {"save_strategy": "epoch", "num_train_epochs": 1}
    train(tmp_path, args=saving)
    trainer = trainer_of(tmp_path)
    callback = LayerwiseCallback(trainer)
    trainer.add_callback(callback)
    trainer.train(resume_from_checkpoint=True)
    assert [step for step, _value in lines(trainer, KEYS[0])] == [STEPS, 2 * STEPS, 3 * STEPS]
    assert len(rows_of(callback.tracker.history)) == 4  # two epochs of two layers


def test_what_the_tracker_refuses_ends_the_training_before_the_first_step(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean rwc"):
        train(tmp_path, ["rcw"])
    with pytest.raises(ValueError, match="every=-1 is not a number of steps"):
        train(tmp_path, every=-1)
