"""The tables of a study, as CSV files."""

from pathlib import Path

import pandas as pd

from pipeline.analysis.claims import claims_table
from pipeline.analysis.depth import depth_table, group_table
from pipeline.analysis.distance_left import REMAINING, half_way_table
from pipeline.analysis.levels import equilibrium_table
from pipeline.analysis.statistics import Histories, final_values, summary
from pipeline.analysis.undefined import undefined_table


def write_tables(histories: Histories, folder: Path, *, model: str, dataset: str) -> None:
    """Write layers.csv and epochs.csv (statistics over the seeds per epoch), seeds.csv (a line a seed), and what
    compares layers: groups.csv, depth.csv, equilibrium.csv, claims.csv; with snapshots half_way.csv. What has
    no value stands in undefined.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    summary(histories.layers).to_csv(folder / "layers.csv", index=False)
    summary(histories.scalars).to_csv(folder / "epochs.csv", index=False)
    seed_table(histories).to_csv(folder / "seeds.csv", index=False)
    group_table(histories).to_csv(folder / "groups.csv", index=False)
    depth_table(histories).to_csv(folder / "depth.csv", index=False)
    equilibrium_table(histories).to_csv(folder / "equilibrium.csv", index=False)
    if REMAINING in histories.measurements:
        half_way_table(histories).to_csv(folder / "half_way.csv", index=False)
    undefined_table(histories).to_csv(folder / "undefined.csv", index=False)
    claims_table(histories, model, dataset).to_csv(folder / "claims.csv", index=False)


def seed_table(histories: Histories) -> pd.DataFrame:
    """Return a line a seed: epochs run, last losses and accuracies, highest test accuracy, seconds in all."""
    scalars = histories.scalars
    last = {
        metric: final_values(histories, metric) for metric in scalars["metric"].unique() if metric != "epoch_seconds"
    }
    table = pd.DataFrame({"epochs": pd.Series(histories.last_epochs), **last})
    by_metric = scalars.groupby(["metric", "seed"])["value"]
    table["highest_test_acc"] = by_metric.max()["test_acc"]
    table["seconds"] = by_metric.sum()["epoch_seconds"]
    return table.rename_axis("seed").reset_index()
