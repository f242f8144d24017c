"""The tables of a study, as CSV files."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.analysis.averages import Values, summary
from pipeline.analysis.claims import claims_table
from pipeline.analysis.depth import depth_table
from pipeline.analysis.groups import group_table
from pipeline.analysis.levels import equilibrium_table
from pipeline.analysis.statistics import Histories, final_values
from pipeline.analysis.terms import terms_table

REMAINING = "remaining_distance"  # measured at the snapshots only
NO_WEIGHTS = "all weights were zero before the epoch"
NO_DIRECTION = "zeros have no direction"
UNDEFINED_WHEN = {
    "rwc": NO_WEIGHTS,
    "rwc_elementwise": NO_WEIGHTS,
    "rwc_median": NO_WEIGHTS,
    "shape_factor": NO_WEIGHTS,
    "l2_change": NO_WEIGHTS,
    "angular_update": NO_DIRECTION,
    "step_angle": NO_DIRECTION,
    "step_ratio": "all weights were zero before the step",
    "straightness": "no step moved the layer",
    "epoch_cosine": "the layer stood still in this epoch or the last one",
    "layer_rotation": NO_DIRECTION,
    "distance_from_start": "all initial weights were zero",
    "remaining_distance": "the layer ended where it started",
    "stable_rank": "all weights were zero after the epoch",
}


def study_tables(histories: Histories, *, model: str, dataset: str) -> dict[str, pd.DataFrame]:
    """Return the tables of a study by name: per epoch, per seed, per layer or group, per claim."""
    return {
        "layers": layer_table(histories),
        "epochs": epoch_table(histories),
        "seeds": seed_table(histories),
        "groups": group_table(histories),
        "depth": depth_table(histories),
        "equilibrium": equilibrium_table(histories),
        "terms": terms_table(histories),
        "undefined": undefined_table(histories),
        "claims": claims_table(histories, model, dataset),
    }


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Write each table as <name>.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)


def epoch_table(histories: Histories) -> pd.DataFrame:
    """Return the summary of each scalar over the seeds, for each epoch."""
    return _summaries(histories.scalars, histories.last_epoch)


def layer_table(histories: Histories) -> pd.DataFrame:
    """Return the summary of each measurement of each layer over the seeds, for the epochs in which it was measured."""
    table = _summaries(histories.layers, histories.last_epoch, histories.group_of)
    table.insert(1, "layer", table.pop("layer"))
    table.insert(2, "group", table["layer"].map(histories.group_of))
    measured = np.stack([of_metric.any(axis=0) for of_metric in histories.measured.values()])
    return table[np.moveaxis(measured, -1, 0).ravel()]


def _summaries(arrays: Mapping[str, Values], last: int, *layers: Iterable[str]) -> pd.DataFrame:
    """Return the summaries of arrays, seeds x epochs or seeds x layers x epochs by metric, in order of the epochs."""
    found = [summary(values) for values in arrays.values()]
    columns = {name: np.moveaxis(np.stack([each[name] for each in found]), -1, 0).ravel() for name in found[0]}
    rows = pd.MultiIndex.from_product(
        [range(1, last + 1), arrays, *layers], names=["epoch", "metric", "layer"][: 2 + len(layers)]
    )
    return pd.DataFrame(columns, index=rows).reset_index()


def seed_table(histories: Histories) -> pd.DataFrame:
    """Return each seed's number of epochs, last losses and accuracies, highest test accuracy, and total seconds."""
    last = {metric: final_values(histories, metric) for metric in histories.scalars if metric != "epoch_seconds"}
    table = pd.DataFrame({"epochs": pd.Series(histories.last_epochs), **last})
    table["highest_test_acc"] = np.fmax.reduce(histories.scalars["test_acc"], axis=1)
    table["seconds"] = np.nansum(histories.scalars["epoch_seconds"], axis=1)
    return table.rename_axis("seed").reset_index()


def undefined_table(histories: Histories) -> pd.DataFrame:
    """Return how often, over seeds and epochs, each measurement of each layer was undefined (NaN), and why."""
    rows = []
    for metric, values in histories.layers.items():
        times = np.sum(histories.measured[metric] & np.isnan(values), axis=(0, 2)).tolist()
        why = UNDEFINED_WHEN.get(metric, "its formula has no value")
        rows += [(metric, layer, count, why) for layer, count in zip(histories.group_of, times, strict=True) if count]
    return pd.DataFrame(rows, columns=["metric", "layer", "times", "why"])
