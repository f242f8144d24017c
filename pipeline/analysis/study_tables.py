"""The tables of a study, as CSV files."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pipeline.analysis.claims import claims_table
from pipeline.analysis.depth import depth_table
from pipeline.analysis.groups import group_table
from pipeline.analysis.levels import equilibrium_table
from pipeline.analysis.statistics import Histories, final_values, summary
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
        "layers": summary(histories.layers),
        "epochs": summary(histories.scalars),
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


def undefined_table(histories: Histories) -> pd.DataFrame:
    """Return how often, over seeds and epochs, each measurement of each layer was undefined (NaN), and why."""
    rows = histories.layers[histories.layers["value"].isna()]
    counted = rows.groupby(["metric", "layer"], sort=False, observed=True).size().rename("times").reset_index()
    return counted.assign(why=counted["metric"].astype(str).map(UNDEFINED_WHEN).fillna("its formula has no value"))
