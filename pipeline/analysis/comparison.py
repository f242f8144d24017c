"""Several studies side by side: accuracies next to the paper's, and verdicts on the paper's claims."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from pipeline.analysis.claims import CLAIM_METRICS, claims_table, verdict
from pipeline.analysis.depth import mean_logs
from pipeline.analysis.inference import Effect, effect
from pipeline.analysis.paper import ACCURACIES, CLAIMS_BETWEEN, SEEDS
from pipeline.analysis.statistics import Histories, final_values

DISTINGUISHING_SETTINGS = (
    "image_size", "lr", "momentum", "weight_decay", "batch_size", "epochs", "target_val_acc", "val_split", "pretrained",
    "precision", "device", "compile", "devices",
)  # fmt: skip
ACCURACY_COLUMNS = ["model", "dataset", "study", "test_acc", "low", "high", "n", "paper", "difference", "remarks"]
BETWEEN_COLUMNS = [
    "claim", "number", "measured by", "verdict", "ratio", "low", "high", "p", "n", "last", "less", "more",
]  # fmt: skip
NOT_RUN = "not run"


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
        return effect(final_values(self.histories, "test_acc").to_numpy())

    @property
    def remarks(self) -> str:
        """What is missing or differs from the paper, in words."""
        asked, seeds = self.settings["seeds"].count(",") + 1, len(self.histories.seeds)
        wanted, ran = max(asked, SEEDS), max(self.histories.last_epochs.values())
        remarks = [f"{seeds} of {wanted} seeds"] * (seeds < wanted)
        epochs = int(self.paper.get("epochs", self.settings["epochs"]))
        remarks += [f"{ran} of {epochs} epochs"] * (ran < epochs)
        its = {n: value for n, value in self.paper.items() if n != "epochs"}
        changed = {n: value for n, value in its.items() if _comparable(self.settings[n]) != _comparable(value)}
        return "; ".join([*remarks, *(f"{name} {self.settings[name]}, not {value}" for name, value in changed.items())])


def _comparable(value: str) -> float | str:
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
    rows = []
    for study in studies:
        mean, low, high, _p, n = study.accuracy
        paper = ACCURACIES.get(study.model, {}).get(study.dataset, math.nan)
        rows.append((study.model, study.dataset, study.label, mean, low, high, n, paper, mean - paper, study.remarks))
    ran = {(study.model, study.dataset) for study in studies}
    for model, cells in ACCURACIES.items():
        for dataset, paper in cells.items():
            if (model, dataset) not in ran:
                nan = math.nan
                rows.append((model, dataset, f"{model}-{dataset}", nan, nan, nan, 0, paper, nan, NOT_RUN))
    return pd.DataFrame(rows, columns=ACCURACY_COLUMNS)


def claims_within(studies: Sequence[Compared]) -> pd.DataFrame:
    """Return the verdicts on the claims about one data set, with the study's label as the first column."""
    tables = []
    for study in studies:
        table = claims_table(study.histories, study.model, study.dataset)
        table.insert(0, "study", study.label)
        tables.append(table)
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def claims_between(studies: Sequence[Compared]) -> pd.DataFrame:
    """Return a row for each claim about two data sets and each measurement of both studies: BETWEEN_COLUMNS.

    `ratio` is more / less: the mean of the logarithms over all layers and the epochs that all seeds of both studies
    ran (up to `last`), paired by the seeds of both. If a model was run several times on a data set, the newest counts.
    """
    newest = {(study.model, study.dataset): study for study in studies}
    rows = []
    for claim in CLAIMS_BETWEEN:
        less, more = (newest.get((claim.model, dataset)) for dataset in (claim.less, claim.more))
        if less is None or more is None:
            rows.append((str(claim), claim.number, "", NOT_RUN, *[math.nan] * 4, 0, 0, "", ""))
            continue
        last = min(study.histories.last_common_epoch for study in (less, more))
        for metric in CLAIM_METRICS:
            if all(metric in study.histories.measurements for study in (less, more)):
                found = _difference(less.histories, more.histories, metric, last)
                ratios = np.exp([found.mean, found.low, found.high])
                rows.append((str(claim), claim.number, metric, verdict("<", found), *ratios, found.p, found.n, last,
                             less.label, more.label))  # fmt: skip
    return pd.DataFrame(rows, columns=BETWEEN_COLUMNS)


def _difference(less: Histories, more: Histories, metric: str, last: int) -> Effect:
    """Return the effect of the difference of the logarithms, more - less, seed by seed."""
    by_seed = [mean_logs(histories, metric, "layer", last).mean(axis=1) for histories in (more, less)]
    return effect((by_seed[0] - by_seed[1]).dropna().to_numpy())
