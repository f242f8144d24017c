"""What a seed's run holds: metrics of every epoch, the table of all layers, checkpoints, and the best model."""

import csv
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import StringIO
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

LAYERS = "layer_metrics.csv"
STEPS = "rwc_steps.csv"
CHECKPOINTS = "checkpoints"
State = dict[str, Any]


class Table:
    """A table that grows by the epoch, as CSV."""

    def __init__(self, *columns: str) -> None:
        self._text = StringIO()
        self._writer = csv.writer(self._text, lineterminator="\n")
        self._writer.writerow(columns)

    def add(self, rows: Iterable[tuple[int | str | float, ...]]) -> None:
        self._writer.writerows(rows)

    @property
    def text(self) -> str:
        return self._text.getvalue()


class SeedLog:
    """Writes one seed into its run. `group_of` names the group of a layer, or an empty string."""

    def __init__(self, run: Run, group_of: Callable[[str], str]) -> None:
        self.run, self.group_of = run, group_of
        self.tables = {LAYERS: Table("epoch", "layer", "group", "metric", "value")}

    def log_epoch(self, report: EpochReport, states: Mapping[str, State] | None = None) -> None:
        """Log the metrics of an epoch, in one call; with states to save, {file: state}, the tables so far as well."""
        self.run.log_metrics(self._metrics(report), report.epoch)
        self._add_rows(report)
        if states:
            self.log_tables()
            for name, state in states.items():
                self.log_state(state, name)

    def log_tables(self) -> None:
        """Upload what was measured of every layer so far, a table a file."""
        for name, table in self.tables.items():
            self.run.log_text(table.text, name)

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

    def _add_rows(self, report: EpochReport) -> None:
        for metric, by_layer in report.layers.items():
            self.tables[LAYERS].add(
                (report.epoch, layer, self.group_of(layer), metric, value) for layer, value in by_layer.items()
            )
        for step, by_layer in report.steps.items():
            steps = self.tables.setdefault(STEPS, Table("epoch", "step", "layer", "group", "rwc"))
            steps.add((report.epoch, step, layer, self.group_of(layer), value) for layer, value in by_layer.items())

    def _metrics(self, report: EpochReport) -> dict[str, float]:
        metrics = {f"{part}_loss": loss for part, loss in report.losses.items()}
        metrics |= {f"{part}_acc": accuracy for part, accuracy in report.accuracies.items()}
        metrics["epoch_seconds"] = report.seconds
        rwc = report.layers["rwc"]
        keys = layer_keys(rwc)
        by_group: dict[str, list[float]] = {}
        for layer, value in rwc.items():
            metrics[keys[layer]] = value
            if (group := self.group_of(layer)) and not math.isnan(value):
                by_group.setdefault(group, []).append(value)
        return metrics | {group_key(group): sum(values) / len(values) for group, values in by_group.items()}
