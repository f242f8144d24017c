"""Histories of a study's seeds, and statistics over the seeds of each epoch."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis.inference import Effect, effect, interquartile_mean, interval, mean_of_finite


@dataclass(frozen=True)
class Histories:
    """What the seeds of a study logged, as long tables: `scalars` and `layers` by seed and epoch.

    `levels` has one row per layer, the same for all seeds: whether the layer is scale-invariant, and if so its
    equilibrium levels, the step angle (radians) and RWC*; else NaN.

    The rows of `layers` and `levels` are in the order of the network's layers; epochs count from 1. A large study has
    millions of rows, so what several tables and figures need is computed once.
    """

    scalars: pd.DataFrame
    layers: pd.DataFrame
    levels: pd.DataFrame

    @cached_property
    def seeds(self) -> list[int]:
        return sorted(self.last_epochs)

    @cached_property
    def last_epochs(self) -> dict[int, int]:
        """The last epoch of each seed."""
        last = self.scalars.groupby("seed", as_index=False)["epoch"].max()
        return dict(zip(last["seed"].tolist(), last["epoch"].tolist(), strict=True))

    @property
    def last_epoch(self) -> int:
        return max(self.last_epochs.values())

    @cached_property
    def measurements(self) -> dict[str, pd.DataFrame]:
        """The rows of `layers` by measurement."""
        return {str(metric): rows for metric, rows in self.layers.groupby("metric", sort=False, observed=True)}

    @cached_property
    def group_of(self) -> dict[str, str]:
        """The group of each layer, in the order of the layers; an empty string for a layer without a group."""
        first = self.measurements["rwc"].drop_duplicates("layer")
        return dict(zip(first["layer"], first["group"], strict=True))

    @property
    def groups(self) -> list[str]:
        """The groups in the order of their first layers, with "" for layers without a group."""
        return list(dict.fromkeys(self.group_of.values()))

    @property
    def layers_with_level(self) -> list[str]:
        """The layers that have equilibrium levels: the scale-invariant ones, under weight decay."""
        return self.levels.loc[self.levels["rwc"] > 0, "layer"].tolist()

    def of_seed(self, seed: int) -> "Histories":
        """Return the history of one seed alone."""
        scalars, layers = (table[table["seed"] == seed] for table in (self.scalars, self.layers))
        return Histories(scalars, layers, self.levels)

    def means(self, metric: str) -> NDArray[np.float64]:
        """Return the mean of a measurement over the seeds: layers x epochs, NaN for missing values."""
        return mean_of_finite(self.by_seed(metric), axis=0)

    def by_seed(self, metric: str) -> NDArray[np.float64]:
        """Return a measurement of every seed: seeds x layers x epochs, NaN for missing values."""
        if metric not in self._by_seed:
            rows = self.measurements[metric]
            grid = np.full((len(self.seeds), len(self.group_of), self.last_epoch), np.nan)
            seed = np.searchsorted(self.seeds, rows["seed"])
            layer = pd.Index(list(self.group_of)).get_indexer(pd.Index(rows["layer"]))
            grid[seed, layer, rows["epoch"] - 1] = rows["value"]
            self._by_seed[metric] = grid
        return self._by_seed[metric]

    @cached_property
    def _by_seed(self) -> dict[str, NDArray[np.float64]]:
        return {}


def over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean, standard deviation (n - 1; NaN for one seed) and n of `value` over the seeds, per other columns.

    A seed that stopped early counts in the epochs that it ran. NaN values are left out of all three.
    """
    keys = [column for column in table.columns if column not in ("seed", "value")]
    grouped = table.groupby(keys, sort=False, observed=True)["value"]
    result = grouped.agg(["mean", "std", "count"]).rename(columns={"count": "n"})
    return result.reset_index().sort_values("epoch", kind="stable", ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of `over_seeds`, and median, interquartile mean and Student's 95 % interval (low, high).

    NaN values are left out. Fewer than 8 seeds have no interquartile mean, and one has no interval.
    """
    result = over_seeds(table)
    keys = [column for column in result.columns if column not in ("mean", "std", "n")]
    wide = table.pivot_table(index=keys, columns="seed", values="value", sort=False, observed=True)
    values = wide.reindex(pd.MultiIndex.from_frame(result[keys])).to_numpy()
    patterns, of_row = np.unique(np.isfinite(values), axis=0, return_inverse=True)
    added = np.full((len(result), 4), np.nan)
    for number, seeds in enumerate(patterns):
        rows = np.flatnonzero(of_row.ravel() == number)
        if seeds.any():
            chosen = values[np.ix_(rows, seeds)].T
            added[rows] = np.stack([np.median(chosen, axis=0), interquartile_mean(chosen), *interval(chosen)], axis=1)
    columns = pd.DataFrame(added, columns=["median", "iqm", "low", "high"], index=result.index)
    return pd.concat([result.drop(columns="n"), columns, result["n"]], axis=1)


def final_values(histories: Histories, metric: str) -> pd.Series:
    """Return the metric of each seed at its last epoch, by seed."""
    rows = histories.scalars[histories.scalars["metric"] == metric]
    last = rows.loc[rows.groupby("seed")["epoch"].idxmax()]
    return last.set_index("seed")["value"].sort_index()


def accuracy(histories: Histories) -> Effect:
    """Return the test accuracy, percent, at each seed's last epoch; its interval ends at 0 and 100, where values do."""
    found = effect(final_values(histories, "test_acc").to_numpy())
    low, high = np.clip([found.low, found.high], 0, 100)
    return found._replace(low=float(low), high=float(high))


def first_values(histories: Histories, metric: str) -> pd.Series:
    """Return the metric of each seed at its first epoch, by seed."""
    rows = histories.scalars[histories.scalars["metric"] == metric]
    first = rows.loc[rows.groupby("seed")["epoch"].idxmin()]
    return first.set_index("seed")["value"].sort_index()


def group_means(layers: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the mean of a measurement over each group's layers: seed, epoch, group, value; in depth order.

    This is the curve that MLflow shows; comparisons of groups take means of logarithms (`groups.py`).
    """
    rows = layers[(layers["metric"] == metric) & (layers["group"] != "")].dropna(subset="value")
    return rows.groupby(["seed", "epoch", "group"], sort=False, observed=True)["value"].mean().reset_index()
