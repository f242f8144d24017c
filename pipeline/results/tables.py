"""The tables of a study, as CSV files."""

from pathlib import Path

import pandas as pd

from pipeline.results.statistics import Histories, final_values, over_seeds


def write_tables(histories: Histories, folder: Path) -> None:
    """Write layers.csv and epochs.csv (mean, std and n over the seeds per epoch) and seeds.csv (a line a seed)."""
    folder.mkdir(parents=True, exist_ok=True)
    over_seeds(histories.layers).to_csv(folder / "layers.csv", index=False)
    over_seeds(histories.scalars).to_csv(folder / "epochs.csv", index=False)
    seed_table(histories).to_csv(folder / "seeds.csv", index=False)


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
