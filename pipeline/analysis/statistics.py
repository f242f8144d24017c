"""Histories of a study's seeds, as arrays, and what follows from them for each seed."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis.averages import Values, mean_of_known
from pipeline.analysis.inference import Effect, effect


@dataclass(frozen=True)
class Histories:
    """What the seeds of a study logged, as arrays; NaN where a value is undefined, or was not measured.

    `last_epochs` has the last epoch of each seed, and `group_of` the group of each layer, or "", in the order of the
    network: the order of seeds and layers in the arrays. Epochs count from 1 to the last of any seed. `scalars` has
    seeds x epochs by metric, `layers` seeds x layers x epochs by measurement, and `measured` where these were measured.

    `levels` has one row per layer, the same for all seeds: whether the layer is scale-invariant, and if so its
    equilibrium levels, the step angle (radians) and RWC*; else NaN.
    """

    last_epochs: dict[int, int]
    group_of: dict[str, str]
    scalars: dict[str, Values]
    layers: dict[str, Values]
    measured: dict[str, NDArray[np.bool_]]
    levels: pd.DataFrame

    @property
    def seeds(self) -> list[int]:
        return list(self.last_epochs)

    @property
    def last_epoch(self) -> int:
        return max(self.last_epochs.values())

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
        row, last = self.seeds.index(seed), self.last_epochs[seed]
        its = np.s_[row : row + 1, ..., :last]
        scalars, layers = ({name: of[its] for name, of in arrays.items()} for arrays in (self.scalars, self.layers))
        measured = {name: of[its] for name, of in self.measured.items()}
        return Histories({seed: last}, self.group_of, scalars, layers, measured, self.levels)


def final_values(histories: Histories, metric: str) -> pd.Series:
    """Return the metric of each seed at its last epoch, by seed."""
    last = np.array(list(histories.last_epochs.values())) - 1
    return pd.Series(histories.scalars[metric][np.arange(len(last)), last], index=histories.seeds)


def first_values(histories: Histories, metric: str) -> pd.Series:
    """Return the metric of each seed at its first epoch, by seed."""
    return pd.Series(histories.scalars[metric][:, 0], index=histories.seeds)


def accuracy(histories: Histories) -> Effect:
    """Return the test accuracy, percent, at each seed's last epoch; its interval ends at 0 and 100, where values do."""
    found = effect(final_values(histories, "test_acc").to_numpy())
    low, high = np.clip([found.low, found.high], 0, 100)
    return found._replace(low=float(low), high=float(high))


def group_means(values: Values, group_of: Mapping[str, str]) -> dict[str, Values]:
    """Return the mean of a measurement, seeds x layers x epochs, over each group's layers: seeds x epochs by group.

    This is the curve that MLflow shows; comparisons of groups take means of logarithms (`groups.py`).
    """
    groups = np.array([*group_of.values()])
    return {
        group: mean_of_known(values[:, groups == group], axis=1) for group in dict.fromkeys(groups.tolist()) if group
    }
