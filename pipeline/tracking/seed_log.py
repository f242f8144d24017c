"""What a seed's run holds: metrics of every epoch, the same as tables, checkpoints, and the best model."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch

from pipeline.analysis.paper import ELEMENTWISE
from pipeline.measure.keys import group_key, layer_keys, third_key, thirds
from pipeline.tracking.checkpoints import CHECKPOINTS, Checkpoint, State, tensor_bytes
from pipeline.tracking.local_checkpoints import LocalCheckpoints, local_checkpoints
from pipeline.tracking.metric_order import in_order
from pipeline.tracking.outbox import BATCH, Outbox
from pipeline.tracking.run import SECONDS, Run
from pipeline.tracking.slots import Slots, uploaded_checkpoints
from pipeline.tracking.tables import COLUMNS, EPOCH_TABLE, LAYER_TABLE, STEP_TABLE, Table

log = logging.getLogger(__name__)

OTHER_METRICS = 20  # of an epoch, beside those of layers and groups: more than losses, accuracies, seconds and thirds
Measured = dict[str, dict[str, float]]
UPLOAD_SECONDS = 600.0  # between uploads of the newest checkpoint, unless epochs are counted


class SeedLog:
    """Writes one seed into its run, through an outbox.

    `group_of` names the group of a layer, or an empty string. Each epoch has a checkpoint on the local disk; the newest
    is uploaded every `every` epochs or, without, every UPLOAD_SECONDS, and at the end.
    """

    def __init__(self, run: Run, outbox: Outbox, group_of: Callable[[str], str], every: int | None = None) -> None:
        self.run, self.outbox, self.group_of, self.every = run, outbox, group_of, every
        self.tables, self.epoch = {name: Table(name) for name in COLUMNS}, 0  # the last one in the tables
        self._logged: dict[str, dict[int, float]] = {}  # values by step of the metric that marks each request
        self._newest: Checkpoint | None = None
        self._local = LocalCheckpoints(outbox.folder / CHECKPOINTS, run.id)
        self._slots, self._uploaded_at = Slots(outbox), time.monotonic()

    def resume(self, state: State | None, layers: Sequence[str]) -> None:
        """Resume an interrupted run from a checkpoint, or from the start.

        Metrics of later epochs that the run already has are not logged again, nor their seconds measured.
        """
        self._restore(*(state["tables"], state["epoch"]) if state else ({}, 0))
        markers = {_marker(part) for part in self._requests({"rwc": dict.fromkeys(layers, 0.0)}, {SECONDS: 0.0})}
        self._logged = {marker: self.run.history(marker) for marker in markers}
        last = state["epoch"] if state else 0
        self._newest = next((c for c in local_checkpoints(self._local.folder, self.run.id) if c.epoch == last), None)
        self._slots.resume(uploaded_checkpoints(self.run.id, "", self.run.tags()), last)
        self._add_metrics_of_tables()  # of which a power failure may have damaged some

    def copy(self, state: State, snapshots: Mapping[str, State]) -> None:
        """Log the epochs of another run unchanged, with its checkpoint and its snapshots."""
        self.fill(state["tables"], state["epoch"])
        for name, snapshot in snapshots.items():
            self.add_file(name, snapshot)
        self._keep(state)
        self.upload()

    def fill(self, tables: Mapping[str, str], last: int) -> None:
        """Log the epochs up to `last` that tables of another run have, by their names."""
        self._restore(tables, last)
        self._add_metrics_of_tables()

    def log_epoch(
        self,
        epoch: int,
        scalars: Mapping[str, float],
        layers: Mapping[str, Mapping[str, float]],
        steps: Mapping[int, Mapping[str, float]],
    ) -> None:
        """Log the metrics of an epoch: scalars by metric, measurements {measurement: {layer: value}}, RWC by step.

        They are sent with the checkpoint of the epoch.
        """
        self.epoch = epoch
        scalars = {**scalars, SECONDS: self._logged.get(SECONDS, {}).get(epoch, scalars[SECONDS])}
        self._add_metrics(layers, scalars, epoch)
        epoch_rows, layer_rows, step_rows = (self.tables[name] for name in (EPOCH_TABLE, LAYER_TABLE, STEP_TABLE))
        epoch_rows.add((epoch, metric, value) for metric, value in scalars.items())
        for metric, by_layer in layers.items():
            layer_rows.add((epoch, *self._named(layer), metric, value) for layer, value in by_layer.items())
        for step, by_layer in steps.items():
            step_rows.add((epoch, step, *self._named(layer), value) for layer, value in by_layer.items())

    def save(self, state: State) -> None:
        """Keep the checkpoint of an epoch, with the tables so far, and upload it if it is due."""
        self._keep(state)
        if self._is_due(state["epoch"]):
            self.upload()
        else:
            self.outbox.send()

    def _is_due(self, epoch: int) -> bool:
        return epoch % self.every == 0 if self.every else time.monotonic() - self._uploaded_at >= UPLOAD_SECONDS

    def upload(self) -> None:
        """Upload the newest checkpoint, with the tables, unless the server has it, and what was not sent before."""
        if self._newest and self._newest.epoch > self._slots.epoch:
            self.add_tables()
            self._slots.add(self._newest)
            self._uploaded_at = time.monotonic()
        self.outbox.send()

    def add_file(self, name: str, state: State) -> None:
        """Add a file of tensors, which `torch.load(weights_only=True)` reads, beside the checkpoints."""
        self.outbox.add_artifact(f"{CHECKPOINTS}/{name}", partial(torch.save, state), size=tensor_bytes(state))

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

    def _add_metrics_of_tables(self) -> None:
        """Add the metrics of all epochs in the tables that the run does not have."""
        values: dict[int, dict[str, float]] = {}
        for row in self.tables[EPOCH_TABLE].rows():
            values.setdefault(int(row["epoch"]), {})[row["metric"]] = float(row["value"])
        changes: dict[int, Measured] = {epoch: {"rwc": {}, ELEMENTWISE: {}} for epoch in values}
        for row in self.tables[LAYER_TABLE].rows():
            if row["metric"] in ("rwc", ELEMENTWISE):
                changes[int(row["epoch"])][row["metric"]][row["layer"]] = float(row["value"])
        for epoch, scalars in values.items():
            self._add_metrics(changes[epoch], scalars, epoch)

    def _keep(self, state: State) -> None:
        tables = {table.name: table.text for table in self.tables.values()}
        self._newest = self._local.write(state | {"tables": tables})

    def _restore(self, tables: Mapping[str, str], last: int) -> None:
        """Take tables, which may hold rows of epochs after the last."""
        self.epoch = last
        self.tables = {name: Table(name, tables.get(name, ""), last) for name in COLUMNS}

    def _named(self, layer: str) -> tuple[str, str]:
        return layer, self.group_of(layer)

    def _add_metrics(
        self, measured: Mapping[str, Mapping[str, float]], scalars: Mapping[str, float], epoch: int
    ) -> None:
        for number, part in enumerate(self._requests(measured, scalars)):
            if epoch not in self._logged.get(_marker(part), {}):
                self.outbox.add_metrics(part, epoch, number)

    def _requests(
        self, measured: Mapping[str, Mapping[str, float]], scalars: Mapping[str, float]
    ) -> list[dict[str, float]]:
        """Return the metrics of an epoch: in one request or, with very many layers, with all scalars in the last."""
        rwc = measured["rwc"]
        layers = {key: rwc[layer] for layer, key in layer_keys(rwc).items()}
        rest = in_order({**self._means(measured), **scalars})
        if len(layers) + 2 * len({self.group_of(layer) for layer in rwc}) + OTHER_METRICS <= BATCH:
            return [in_order(layers | rest)]
        keys = list(layers)
        parts = [keys[first : first + BATCH] for first in range(0, len(keys), BATCH)]
        return [*({key: layers[key] for key in part} for part in parts), rest]

    def _means(self, measured: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
        third_of, values = thirds(list(measured["rwc"])), dict[str, list[float]]()
        for metric in ("rwc", ELEMENTWISE):
            for layer, value in measured.get(metric, {}).items():
                if math.isnan(value):
                    continue
                if metric == "rwc":
                    values.setdefault(third_key(third_of[layer]), []).append(value)
                if group := self.group_of(layer):
                    values.setdefault(group_key(group, metric), []).append(value)
        return {key: sum(its) / len(its) for key, its in values.items()}


def _marker(part: Mapping[str, float]) -> str:
    """Return the metric that tells whether a request has arrived: a store takes all of it or nothing."""
    return SECONDS if SECONDS in part else next(iter(part))
