"""The paper's claims that need two data sets, as data, and what studies say to them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.analysis.claims import UNDER, verdict
from pipeline.analysis.comparison import NOT_RUN, Compared
from pipeline.analysis.depth import log_means, window
from pipeline.analysis.inference import Effect, effect
from pipeline.analysis.statistics import Histories


@dataclass(frozen=True)
class ClaimBetween:
    """All layers of a model change less on one data set than on another; `number` counts the paper's claims."""

    number: int
    model: str
    less: str
    more: str

    def __str__(self) -> str:
        return f"{self.model}: {self.less} changes less than {self.more}"


CLAIMS_BETWEEN = (
    ClaimBetween(6, "ResNet18", "MNIST", "FMNIST"),
    ClaimBetween(6, "VGG19", "MNIST", "FMNIST"),
    ClaimBetween(6, "VGG19", "CIFAR-10", "CIFAR-100"),
)
BETWEEN = ["claim", "number", "measured by", "verdict", "ratio", "low", "high", "p", "n", "last", "less", "more"]


def claims_between(studies: Sequence[Compared]) -> pd.DataFrame:
    """Return a line for each claim about two data sets and each measurement that both studies have: BETWEEN.

    `ratio` is more / less: the mean over all layers, and over the epochs that all seeds of both ran (the last is
    `last`), of the logarithm, paired by the seeds that both have. Of several studies of a cell the newest is taken.
    """
    newest = {(study.model, study.dataset): study for study in studies}
    rows = []
    for claim in CLAIMS_BETWEEN:
        less, more = (newest.get((claim.model, dataset)) for dataset in (claim.less, claim.more))
        if less is None or more is None:
            nan = math.nan
            rows.append((str(claim), claim.number, "", NOT_RUN, nan, nan, nan, nan, 0, 0, "", ""))
            continue
        last = min(window(less.histories), window(more.histories))
        for measured in UNDER:
            if all(measured in study.histories.measurements for study in (less, more)):
                found = _difference(less.histories, more.histories, measured, last)
                ratios = np.exp([found.mean, found.low, found.high])
                said = verdict("<", found)
                rows.append((str(claim), claim.number, measured, said, *ratios, found.p, found.n, last,
                             less.label, more.label))  # fmt: skip
    return pd.DataFrame(rows, columns=BETWEEN)


def _difference(less: Histories, more: Histories, measured: str, last: int) -> Effect:
    """Return the effect of the logarithms' difference, more - less, seed by seed."""
    by_seed = [log_means(histories, measured, "layer", last).mean(axis=1) for histories in (more, less)]
    return effect((by_seed[0] - by_seed[1]).dropna().to_numpy())
