"""Verdicts of a study on the paper's claims about which layers change more."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis.depth import depth_by_seed, mean_logs
from pipeline.analysis.inference import Effect, effect
from pipeline.analysis.paper import CLAIMS, Claim, Comparison
from pipeline.analysis.statistics import Histories

CLAIM_METRICS = ("rwc", "rwc_elementwise", "step_angle")
COLUMNS = ["claim", "number", "measured by", "verdict", "effect", "low", "high", "p", "n", "first", "last", "means"]
MIN_SEEDS = 3  # for a verdict: with two, the interval covers the mean in half of the cases
ALIKE = math.log(1.25)  # two groups change alike if their ratio is between 0.8 and 1.25


def claims_table(histories: Histories, model: str, dataset: str) -> pd.DataFrame:
    """Return a row for each claim about this model and data set and each of CLAIM_METRICS that was measured: COLUMNS.

    Epochs are those that all seeds ran. `effect` is the mean over the seeds, with its 95 % interval: for groups the
    ratio second / first, from the mean of the logarithms over the epochs; for depth Spearman's correlation. `p` is
    the two-sided p-value of no effect, from sign flips.
    """
    rows = []
    metrics = [metric for metric in CLAIM_METRICS if metric in histories.measurements]
    for claim in CLAIMS:
        if claim.model != model or dataset not in claim.datasets:
            continue
        for metric in metrics:
            found = effect(_by_seed(claim, histories, metric))
            shown, means = _shown(claim, found)
            rows.append((str(claim), claim.number, metric, verdict(claim.comparison, found), *shown, found.p, found.n,
                         1, histories.last_common_epoch, means))  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def verdict(comparison: Comparison, found: Effect) -> str:
    """Return "holds" or "does not hold" if the whole interval, of three or more seeds, says so; else "cannot tell"."""
    low, high = found.low, found.high
    if found.n < MIN_SEEDS or math.isnan(low):
        return "cannot tell"
    if comparison == "~":
        within, outside = low >= -ALIKE and high <= ALIKE, high < -ALIKE or low > ALIKE
    else:
        within, outside = low > 0, high < 0
    return "holds" if within else "does not hold" if outside else "cannot tell"


def _by_seed(claim: Claim, histories: Histories, metric: str) -> NDArray[np.float64]:
    """Return one number per seed, which the claim says is above zero ("<", "depth") or near zero ("~")."""
    if claim.comparison == "depth":
        return depth_by_seed(histories, metric)
    means = mean_logs(histories, metric, "group")
    if not {claim.first, claim.second} <= set(means):
        return np.array([])
    difference: NDArray[np.float64] = (means[claim.second] - means[claim.first]).to_numpy()
    return difference


def _shown(claim: Claim, found: Effect) -> tuple[tuple[float, ...], str]:
    """Return the effect with its interval, as ratios for groups, and what the effect means."""
    values = (found.mean, found.low, found.high)
    if claim.comparison == "depth":
        return values, "Spearman's correlation of depth and change"
    return tuple(math.exp(value) for value in values), f"{claim.second} / {claim.first}"
