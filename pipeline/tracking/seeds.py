"""What a seed's run holds: metrics of every epoch, the same as tables, checkpoints, and the best model."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch

from data.manifest import file_sha256
from pipeline.epoch import EpochReport
from pipeline.measure.keys import group_key, layer_keys
from pipeline.tracking.checkpoints import CHECKPOINTS, SLOTS, State, slot_tag
from pipeline.tracking.outbox import Outbox
from pipeline.tracking.runs import SECONDS, Run, logged_seconds
from pipeline.tracking.tables import COLUMNS, EPOCH_TABLE, LAYER_TABLE, STEP_TABLE, Table


class SeedLog:
    """Writes one seed into its run, through an outbox. `group_of` names the group of a layer, or an empty string."""

    def __init__(self, run: Run, outbox: Outbox, group_of: Callable[[str], str]) -> None:
        self.run, self.outbox, self.group_of = run, outbox, group_of
        self.tables = {name: Table(name) for name in COLUMNS}
        self._seconds: dict[int, float] = {}

    def go_on(self, state: State | None) -> None:
        """Go on in a run that was broken off, from a checkpoint or from the start.

        Metrics of later epochs that the run has by now are not logged again, nor their seconds measured.
        """
        self._restore(state)
        self._seconds = logged_seconds(self.run)

    def copy(self, snapshots: Mapping[str, State], state: State, slot: str) -> None:
        """Log the epochs that another run had, as they were, with its checkpoint and its snapshots."""
        self._restore(state)
        scalars = self.tables[EPOCH_TABLE].rows()
        rwc = [row for row in self.tables[LAYER_TABLE].rows() if row["metric"] == "rwc"]
        for epoch in range(1, state["epoch"] + 1):
            values = {row["metric"]: float(row["value"]) for row in scalars if int(row["epoch"]) == epoch}
            changes = {row["layer"]: float(row["value"]) for row in rwc if int(row["epoch"]) == epoch}
            self.outbox.add_metrics(self._changes(changes) | values, epoch)
        self.save({**snapshots, slot: state})

    def log_epoch(self, report: EpochReport, files: Mapping[str, State] | None = None) -> None:
        """Log the metrics of an epoch, in one call; with files of tensors to save, the tables so far as well."""
        scalars = _scalars(report)
        logged = self._seconds.get(report.epoch)
        if logged is None:
            self.outbox.add_metrics(self._changes(report.layers["rwc"]) | scalars, report.epoch)
        else:
            scalars[SECONDS] = logged
        self._add_rows(report, scalars)
        self.save(files or {})

    def save(self, files: Mapping[str, State]) -> None:
        """Send files of tensors that `torch.load(weights_only=True)` reads, and what was not sent before.

        A slot holds the tables as well, and comes with them, and with the tag that names it.
        """
        for name, state in files.items():
            if name in SLOTS:
                self._add_slot(name, state)
            else:
                self._add_file(name, state)
        self.outbox.send()

    def log_layers(self, metric: str, by_epoch: Mapping[int, Mapping[str, float]]) -> None:
        """Log a measurement of some epochs that is known only now that training is over, in the table alone."""
        table = self.tables[LAYER_TABLE]
        for epoch, by_layer in by_epoch.items():
            table.add((epoch, *self._named(layer), metric, value) for layer, value in by_layer.items())
        self.run.log_texts({table.name: table.text})

    def add_tables(self) -> None:
        """Add the scalars of every epoch so far, and the measurements of every layer, as a table each."""
        for table in self.tables.values():
            if not table.empty:
                self.outbox.add_artifact(table.name, partial(Path.write_text, data=table.text))

    def _add_slot(self, name: str, state: State) -> None:
        self.add_tables()
        path = self._add_file(name, state | {"tables": {table.name: table.text for table in self.tables.values()}})
        self.outbox.add_tags(slot_tag(name, state["epoch"], file_sha256(path)))

    def _add_file(self, name: str, state: State) -> Path:
        return self.outbox.add_artifact(f"{CHECKPOINTS}/{name}", partial(torch.save, state), size=_bytes(state))

    def _restore(self, state: State | None) -> None:
        """Take the tables of a checkpoint, which may be from before the newest rows in them."""
        tables, last = (state["tables"], state["epoch"]) if state else ({}, 0)
        self.tables = {name: Table(name, tables.get(name, ""), last) for name in COLUMNS}

    def _add_rows(self, report: EpochReport, scalars: Mapping[str, float]) -> None:
        epochs, layers, steps = (self.tables[name] for name in (EPOCH_TABLE, LAYER_TABLE, STEP_TABLE))
        epochs.add((report.epoch, metric, value) for metric, value in scalars.items())
        for metric, by_layer in report.layers.items():
            layers.add((report.epoch, *self._named(layer), metric, value) for layer, value in by_layer.items())
        for step, by_layer in report.steps.items():
            steps.add((report.epoch, step, *self._named(layer), value) for layer, value in by_layer.items())

    def _named(self, layer: str) -> tuple[str, str]:
        return layer, self.group_of(layer)

    def _changes(self, rwc: Mapping[str, float]) -> dict[str, float]:
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
    return dict(sorted((scalars | {SECONDS: report.seconds}).items()))


def _bytes(state: object) -> int:
    """Return how many bytes the tensors in nested dictionaries take."""
    if isinstance(state, Mapping):
        return sum(_bytes(value) for value in state.values())
    return state.nbytes if isinstance(state, torch.Tensor) else 0
