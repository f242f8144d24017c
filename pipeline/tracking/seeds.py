"""What a seed's run holds: metrics of every epoch, the same as tables, checkpoints, and the best model."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import numpy as np
import torch
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from torch import nn

from pipeline.epoch import EpochReport
from pipeline.tracking.keys import group_key, layer_keys
from pipeline.tracking.runs import Run
from pipeline.tracking.tables import EPOCH_TABLE, LAYER_TABLE, STEP_TABLE, Table

CHECKPOINTS = "checkpoints"
State = dict[str, Any]


class SeedLog:
    """Writes one seed into its run. `group_of` names the group of a layer, or an empty string."""

    def __init__(self, run: Run, group_of: Callable[[str], str]) -> None:
        self.run, self.group_of = run, group_of
        self.epochs, self.layers, self.steps = Table(EPOCH_TABLE), Table(LAYER_TABLE), Table(STEP_TABLE)

    def log_epoch(self, report: EpochReport, states: Mapping[str, State] | None = None) -> None:
        """Log the metrics of an epoch, in one call; with states to save, {file: state}, the tables so far as well."""
        scalars = _scalars(report)
        self.run.log_metrics(scalars | self._changes(report), report.epoch)
        self.epochs.add((report.epoch, metric, value) for metric, value in scalars.items())
        for metric, by_layer in report.layers.items():
            self.layers.add((report.epoch, *self._named(layer), metric, value) for layer, value in by_layer.items())
        for step, by_layer in report.steps.items():
            self.steps.add((report.epoch, step, *self._named(layer), value) for layer, value in by_layer.items())
        if states:
            self.log_tables()
            for name, state in states.items():
                self.log_state(state, name)

    def log_tables(self) -> None:
        """Upload the scalars of every epoch so far, and the measurements of every layer, as a table each."""
        for table in (self.epochs, self.layers, self.steps):
            if not table.empty:
                self.run.log_text(table.text, table.name)

    def log_state(self, state: State, name: str) -> None:
        """Upload a file of tensors that `torch.load(weights_only=True)` reads."""
        with TemporaryDirectory() as folder:
            torch.save(state, Path(folder) / name)
            self.run.log_files(Path(folder) / name, CHECKPOINTS)

    def log_model(self, classifier: nn.Module, *, shape: Sequence[int], classes: Sequence[str], epoch: int) -> None:
        """Log a network that takes uint8 images, N x shape, as the model `best` of this run, with its epoch as step."""
        example = np.zeros((2, *shape), dtype=np.uint8)
        signature = ModelSignature(
            inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, *shape))]),
            outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, len(classes)))]),
        )
        mlflow.pytorch.log_model(
            classifier.eval(),
            name="best",
            signature=signature,
            input_example=example,
            pip_requirements=[f"mlflow=={mlflow.__version__}", f"torch=={torch.__version__.partition('+')[0]}"],
            metadata={"classes": list(classes)},
            step=epoch,
        )

    def _named(self, layer: str) -> tuple[str, str]:
        return layer, self.group_of(layer)

    def _changes(self, report: EpochReport) -> dict[str, float]:
        rwc = report.layers["rwc"]
        keys = layer_keys(rwc)
        by_group: dict[str, list[float]] = {}
        for layer, value in rwc.items():
            if (group := self.group_of(layer)) and not math.isnan(value):
                by_group.setdefault(group, []).append(value)
        means = {group_key(group): sum(values) / len(values) for group, values in by_group.items()}
        return {keys[layer]: value for layer, value in rwc.items()} | means


def _scalars(report: EpochReport) -> dict[str, float]:
    scalars = {f"{part}_loss": loss for part, loss in report.losses.items()}
    scalars |= {f"{part}_acc": accuracy for part, accuracy in report.accuracies.items()}
    return dict(sorted((scalars | {"epoch_seconds": report.seconds}).items()))
