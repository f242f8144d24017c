"""What a seed's run holds: metrics of every epoch, the same as tables, checkpoints, and the best model."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch

from data.manifest import file_sha256
from pipeline.measure.keys import group_key, layer_keys, third_key, thirds
from pipeline.tracking.checkpoints import CHECKPOINTS, SLOTS, State, slot_tag
from pipeline.tracking.epoch import EpochReport
from pipeline.tracking.outbox import BATCH, Outbox
from pipeline.tracking.run import SECONDS, Run
from pipeline.tracking.tables import COLUMNS, EPOCH_TABLE, LAYER_TABLE, STEP_TABLE, Table

OTHER_METRICS = 20  # of an epoch, beside those of layers and groups: more than losses, accuracies, seconds and thirds


class SeedLog:
    """Writes one seed into its run, through an outbox. `group_of` names the group of a layer, or an empty string."""

    def __init__(self, run: Run, outbox: Outbox, group_of: Callable[[str], str]) -> None:
        self.run, self.outbox, self.group_of = run, outbox, group_of
        self.tables = {name: Table(name) for name in COLUMNS}
        self._logged: dict[str, dict[int, float]] = {}  # values by step of the metric that marks each request

    def resume(self, state: State | None, layers: Sequence[str]) -> None:
        """Resume an interrupted run from a checkpoint, or from the start.

        Metrics of later epochs that the run has by now are not logged again, nor their seconds measured.
        """
        self._restore(state)
        markers = {_marker(part) for part in self._requests(dict.fromkeys(layers, 0.0), {SECONDS: 0.0})}
        self._logged = {marker: self.run.history(marker) for marker in markers}

    def copy(self, snapshots: Mapping[str, State], before: State | None, state: State, slot: str) -> None:
        """Log the epochs that another run had, as they were, with its checkpoint, the one before, and its snapshots."""
        self._restore(state)
        scalars = self.tables[EPOCH_TABLE].rows()
        rwc = [row for row in self.tables[LAYER_TABLE].rows() if row["metric"] == "rwc"]
        for epoch in range(1, state["epoch"] + 1):
            values = {row["metric"]: float(row["value"]) for row in scalars if int(row["epoch"]) == epoch}
            changes = {row["layer"]: float(row["value"]) for row in rwc if int(row["epoch"]) == epoch}
            self._add_metrics(changes, values, epoch)
        (other,) = set(SLOTS) - {slot}
        self.save({**snapshots, **({other: before} if before else {}), slot: state})

    def log_epoch(self, report: EpochReport, files: Mapping[str, State] | None = None) -> None:
        """Log the metrics of an epoch, in one call; with files of tensors to save, the tables so far as well."""
        scalars = _scalars(report)
        scalars[SECONDS] = self._logged.get(SECONDS, {}).get(report.epoch, scalars[SECONDS])
        self._add_metrics(report.layers["rwc"], scalars, report.epoch)
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

    def _add_metrics(self, rwc: Mapping[str, float], scalars: Mapping[str, float], epoch: int) -> None:
        for number, part in enumerate(self._requests(rwc, scalars)):
            if epoch not in self._logged.get(_marker(part), {}):
                self.outbox.add_metrics(part, epoch, number)

    def _requests(self, rwc: Mapping[str, float], scalars: Mapping[str, float]) -> list[dict[str, float]]:
        """Return the metrics of an epoch: in one request or, with very many layers, with all scalars in the last."""
        layers = {key: rwc[layer] for layer, key in layer_keys(rwc).items()}
        rest = {**self._means(rwc), **scalars}
        if len(layers) + len({self.group_of(layer) for layer in rwc}) + OTHER_METRICS <= BATCH:
            return [layers | rest]
        keys = list(layers)
        parts = [keys[first : first + BATCH] for first in range(0, len(keys), BATCH)]
        return [*({key: layers[key] for key in part} for part in parts), rest]

    def _means(self, rwc: Mapping[str, float]) -> dict[str, float]:
        third_of, values = thirds(list(rwc)), dict[str, list[float]]()
        for layer, value in rwc.items():
            if not math.isnan(value):
                values.setdefault(third_key(third_of[layer]), []).append(value)
                if group := self.group_of(layer):
                    values.setdefault(group_key(group), []).append(value)
        return {key: sum(its) / len(its) for key, its in values.items()}


def _marker(part: Mapping[str, float]) -> str:
    """Return the metric that tells whether a request has arrived: a store takes all of it or nothing."""
    return SECONDS if SECONDS in part else next(iter(part))


def _scalars(report: EpochReport) -> dict[str, float]:
    scalars = {f"{part}_loss": loss for part, loss in report.losses.items()}
    scalars |= {f"{part}_acc": accuracy for part, accuracy in report.accuracies.items()}
    return dict(sorted((scalars | {SECONDS: report.seconds}).items()))


def _bytes(state: object) -> int:
    """Return how many bytes the tensors in nested dictionaries take."""
    if isinstance(state, Mapping):
        return sum(_bytes(value) for value in state.values())
    return state.nbytes if isinstance(state, torch.Tensor) else 0
