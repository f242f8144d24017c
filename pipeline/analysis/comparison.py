"""Several studies side by side: their settings, and accuracies next to the paper's."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.analysis.averages import Values, mean_of_finite
from pipeline.analysis.claims import PRIMARY
from pipeline.analysis.inference import Effect
from pipeline.analysis.paper import ACCURACIES, SEEDS
from pipeline.analysis.statistics import Histories, accuracy
from pipeline.analysis.windows import mean_logs

DISTINGUISHING_SETTINGS = (
    "image_size", "lr", "momentum", "weight_decay", "batch_size", "epochs", "target_val_acc", "val_split", "pretrained",
    "precision", "device", "compile", "devices",
)  # fmt: skip
ACCURACY_COLUMNS = [
    "model", "dataset", "study", "test_acc", "low", "high", "lowest", "highest", "n", "paper", "difference", "remarks",
]  # fmt: skip
NOT_RUN = "not run"


class ByDepth(NamedTuple):
    """The layers of a study that changed: their depth, 0 for the network's first layer to 1 for its last, their names,
    and their change: the mean over the seeds, and each seed's, seeds x layers; NaN for a layer that is interrupted.
    """

    depths: Values
    layers: list[str]
    means: Values
    by_seed: Values


@dataclass(frozen=True)
class Compared:
    """One study with a unique `label`; `paper` has the settings that the paper used."""

    run_id: str
    label: str
    model: str
    dataset: str
    settings: Mapping[str, str]
    paper: Mapping[str, str]
    histories: Histories

    @cached_property
    def accuracy(self) -> Effect:
        """The test accuracy, percent, at each seed's last epoch."""
        return accuracy(self.histories)

    @cached_property
    def by_depth(self) -> "ByDepth":
        """The geometric means of RWC over each seed's epochs without the first."""
        logs = mean_logs(self.histories, PRIMARY)
        changed = np.flatnonzero(np.isfinite(logs).any(axis=0))  # frozen layers keep their place
        of_changed = np.where(np.isfinite(logs), logs, np.nan)[:, changed]
        names = list(self.histories.group_of)
        return ByDepth(
            changed / max(1, logs.shape[1] - 1),
            [names[layer] for layer in changed],
            np.exp(mean_of_finite(of_changed, axis=0)),
            np.exp(of_changed),
        )

    @property
    def remarks(self) -> str:
        """What is missing or differs from the paper, in words."""
        asked, seeds = self.settings["seeds"].count(",") + 1, len(self.histories.seeds)
        wanted, ran = max(asked, SEEDS), max(self.histories.last_epochs.values())
        remarks = [f"{seeds} of {wanted} seeds"] * (seeds < wanted)
        epochs = int(self.paper.get("epochs", self.settings["epochs"]))
        remarks += [f"{ran} of {epochs} epochs"] * (ran < epochs)
        its = {n: value for n, value in self.paper.items() if n != "epochs"}
        changed = {n: value for n, value in its.items() if comparable(self.settings[n]) != comparable(value)}
        return "; ".join([*remarks, *(f"{name} {self.settings[name]}, not {value}" for name, value in changed.items())])


def comparable(value: str) -> float | str:
    """Return a setting's value so that 0.10 equals 0.1, and False equals false."""
    try:
        return float(value)
    except ValueError:
        return value.lower()


def labels(studies: Sequence[tuple[str, str, Mapping[str, str]]]) -> list[str]:
    """Return a unique label for each study (id, name, settings): its name, and the settings or id that differ."""
    made = []
    for _id, name, settings in studies:
        namesakes = [other for _id, its_name, other in studies if its_name == name]
        keys = [key for key in DISTINGUISHING_SETTINGS if len({other.get(key) for other in namesakes}) > 1]
        made.append(" ".join([name, *(f"{key}={settings.get(key)}" for key in keys)]))
    ids = [run_id for run_id, *_rest in studies]
    return [
        label if made.count(label) == 1 else f"{label} {run_id[:8]}" for label, run_id in zip(made, ids, strict=True)
    ]


def accuracy_table(studies: Sequence[Compared]) -> pd.DataFrame:
    """Return a row for each study, and for each cell of the paper's table that was not run: ACCURACY_COLUMNS."""
    rows: list[tuple[object, ...]] = []
    for study in studies:
        its, paper = study.accuracy, ACCURACIES.get(study.model, {}).get(study.dataset, math.nan)
        rows.append((study.model, study.dataset, study.label, its.mean, its.low, its.high, its.lowest, its.highest,
                     its.n, paper, its.mean - paper, study.remarks))  # fmt: skip
    ran = {(study.model, study.dataset) for study in studies}
    for model, cells in ACCURACIES.items():
        for dataset, paper in cells.items():
            if (model, dataset) not in ran:
                nan = math.nan
                rows.append((model, dataset, f"{model}-{dataset}", *5 * [nan], 0, paper, nan, NOT_RUN))
    return pd.DataFrame(rows, columns=ACCURACY_COLUMNS)
