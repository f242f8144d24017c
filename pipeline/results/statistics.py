"""Statistics over seeds: for every epoch, of the seeds that ran it."""

from dataclasses import dataclass

import pandas as pd

SCALARS = ["seed", "epoch", "metric", "value"]
LAYERS = ["seed", "epoch", "layer", "group", "metric", "value"]


@dataclass(frozen=True)
class Histories:
    """What the seeds of a study logged, as long tables: `scalars` with the columns SCALARS, `layers` with LAYERS.

    The rows of `layers` are in the order of the network's layers.
    """

    scalars: pd.DataFrame
    layers: pd.DataFrame

    @property
    def seeds(self) -> list[int]:
        return sorted(int(seed) for seed in self.scalars["seed"].unique())

    @property
    def last_epochs(self) -> dict[int, int]:
        """The last epoch that each seed ran."""
        last = self.scalars.groupby("seed", as_index=False)["epoch"].max()
        return dict(zip(last["seed"].tolist(), last["epoch"].tolist(), strict=True))


def over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean, standard deviation (n - 1; NaN for one seed) and n of `value` over the seeds, per all else.

    A seed that stopped early counts while it ran. NaN values are left out of all three.
    """
    keys = [column for column in table.columns if column not in ("seed", "value")]
    grouped = table.groupby(keys, sort=False)["value"]
    result = grouped.agg(["mean", "std", "count"]).rename(columns={"count": "n"})
    return result.reset_index().sort_values("epoch", kind="stable", ignore_index=True)


def final_values(histories: Histories, metric: str) -> pd.Series:
    """Return the metric of each seed at its last epoch, by seed."""
    rows = histories.scalars[histories.scalars["metric"] == metric]
    last = rows.loc[rows.groupby("seed")["epoch"].idxmax()]
    return last.set_index("seed")["value"].sort_index()


def group_means(layers: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the mean of a measurement over the layers of each group: seed, epoch, group, value; in depth order."""
    rows = layers[(layers["metric"] == metric) & (layers["group"] != "")].dropna(subset="value")
    return rows.groupby(["seed", "epoch", "group"], sort=False)["value"].mean().reset_index()
