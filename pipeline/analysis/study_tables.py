"""The tables of a study, as CSV files."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.analysis.claims import claims_table
from pipeline.analysis.depth import depth_table, group_table
from pipeline.analysis.inference import effect
from pipeline.analysis.statistics import Histories, final_values, summary

REMAINING = "remaining_distance"  # measured at the snapshots only
HALF = 0.5
HALF_WAY_COLUMNS = ["layer", "group", "epoch", "low", "high", "n"]
EQUILIBRIUM_COLUMNS = ["layer", "group", "scale_invariant", "quantity", "mean", "low", "high", "n", "first", "last"]
QUANTITIES = {"step_angle": "step angle / level", "rwc": "RWC / RWC*", "straightness": "straightness"}
NO_WEIGHTS = "all weights were zero before the epoch"
NO_DIRECTION = "zeros have no direction"
UNDEFINED_WHEN = {
    "rwc": NO_WEIGHTS,
    "rwc_elementwise": NO_WEIGHTS,
    "l2_change": NO_WEIGHTS,
    "angular_update": NO_DIRECTION,
    "step_angle": NO_DIRECTION,
    "step_ratio": "all weights were zero before the step",
    "straightness": "no step moved the layer",
    "layer_rotation": NO_DIRECTION,
    "distance_from_start": "all initial weights were zero",
    "remaining_distance": "the layer ended where it started",
    "stable_rank": "all weights were zero after the epoch",
}


def write_tables(histories: Histories, folder: Path, *, model: str, dataset: str) -> None:
    """Write each table as <name>.csv: per epoch, per seed, per layer or group, per claim; half_way with snapshots."""
    tables = {
        "layers": summary(histories.layers),
        "epochs": summary(histories.scalars),
        "seeds": seed_table(histories),
        "groups": group_table(histories),
        "depth": depth_table(histories),
        "equilibrium": equilibrium_table(histories),
        "undefined": undefined_table(histories),
        "claims": claims_table(histories, model, dataset),
    }
    if REMAINING in histories.measurements:
        tables["half_way"] = half_way_table(histories)
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)


def seed_table(histories: Histories) -> pd.DataFrame:
    """Return each seed's number of epochs, last losses and accuracies, highest test accuracy, and total seconds."""
    scalars = histories.scalars
    last = {
        metric: final_values(histories, metric) for metric in scalars["metric"].unique() if metric != "epoch_seconds"
    }
    table = pd.DataFrame({"epochs": pd.Series(histories.last_epochs), **last})
    by_metric = scalars.groupby(["metric", "seed"])["value"]
    table["highest_test_acc"] = by_metric.max()["test_acc"]
    table["seconds"] = by_metric.sum()["epoch_seconds"]
    return table.rename_axis("seed").reset_index()


def equilibrium_table(histories: Histories) -> pd.DataFrame:
    """Return the mean over the seeds, with interval, of each quantity of each layer that has it: EQUILIBRIUM_COLUMNS.

    A seed's value is its mean over the epochs `first` to `last`: those that all seeds ran and in which equilibrium can
    be expected, or only the last that all ran if none of them is late enough.
    """
    last = histories.last_common_epoch
    first = min(histories.equilibrium_epoch or last, last)
    levels = histories.levels.set_index("layer").assign(straightness=1.0)
    rows = []
    for metric, quantity in QUANTITIES.items():
        if metric in histories.measurements:
            values = histories.by_seed(metric)[:, :, first - 1 : last].mean(axis=2)
            for by_seed, (layer, level) in zip(values.T, levels[metric].items(), strict=True):
                if np.isfinite(level):
                    mean, low, high, _p, n = effect(by_seed / level)
                    rows.append((layer, quantity, mean, low, high, n, first, last))
    table = pd.DataFrame(rows, columns=["layer", *EQUILIBRIUM_COLUMNS[3:]])
    return table.merge(histories.levels[EQUILIBRIUM_COLUMNS[:3]], on="layer", how="left")[EQUILIBRIUM_COLUMNS]


def half_way_table(histories: Histories) -> pd.DataFrame:
    """Return each layer's first snapshot within half of its initial distance to the final weights: HALF_WAY_COLUMNS.

    `epoch` is the mean over the `n` seeds that have such a snapshot. A seed has none for a layer that ended where it
    started, or that was not yet half way at the last snapshot.
    """
    rows = histories.measurements[REMAINING]
    done = rows[rows["value"] <= HALF].groupby(["layer", "seed"], observed=True)["epoch"].min()
    table = []
    for layer, group in histories.group_of.items():
        epochs = done[done.index.get_level_values("layer") == layer].to_numpy(dtype=float)
        mean, low, high, _p, n = effect(epochs)
        table.append((layer, group, mean, low, high, n))
    return pd.DataFrame(table, columns=HALF_WAY_COLUMNS)


def undefined_table(histories: Histories) -> pd.DataFrame:
    """Return how often, over seeds and epochs, each measurement of each layer was undefined (NaN), and why."""
    rows = histories.layers[histories.layers["value"].isna()]
    counted = rows.groupby(["metric", "layer"], sort=False, observed=True).size().rename("times").reset_index()
    return counted.assign(why=counted["metric"].astype(str).map(UNDEFINED_WHEN).fillna("its formula has no value"))
