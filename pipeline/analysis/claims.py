"""The paper's claims about which layers change more (arXiv 2011.06735), as data, and what a study says about each."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis.depth import depth_by_seed, log_means, window
from pipeline.analysis.inference import Effect, effect
from pipeline.analysis.statistics import Histories

Comparison = Literal["<", "~", "depth"]
UNDER = ("rwc", "rwc_elementwise", "step_angle")
COLUMNS = ["claim", "number", "measured by", "verdict", "effect", "low", "high", "p", "n", "first", "last", "means"]
LEAST_SEEDS = 3  # for a verdict: of two, the interval covers the mean in half of the cases
ALIKE = math.log(1.25)  # two groups are alike where their ratio is between 0.8 and 1.25
EVERY_SET = ("CIFAR-10", "CIFAR-100", "FMNIST", "MNIST")


@dataclass(frozen=True)
class Claim:
    """One comparison of two groups of layers: the first changes less ("<") or as much ("~") as the second.

    "depth" compares no groups: later layers change more. `number` counts the paper's claims.
    """

    number: int
    model: str
    datasets: tuple[str, ...]
    comparison: Comparison
    first: str = ""
    second: str = ""

    def __str__(self) -> str:
        if self.comparison == "depth":
            return "later layers change more than earlier ones"
        return f"{self.first} {'changes less than' if self.comparison == '<' else 'changes as much as'} {self.second}"


def _less(number: int, model: str, datasets: tuple[str, ...], *groups: str) -> Iterator[Claim]:
    """Yield a claim for each pair of neighbours in a chain of groups, the one that changes least first."""
    for first, second in pairwise(groups):
        yield Claim(number, model, datasets, "<", first, second)


CLAIMS = (
    *(Claim(1, model, EVERY_SET, "depth") for model in ("AlexNet", "VGG19", "ResNet18")),
    *_less(2, "ResNet18", ("CIFAR-10", "CIFAR-100", "MNIST"), "block1", "block2", "block3"),
    *_less(2, "ResNet18", ("FMNIST",), "block1", "block3"),
    *_less(2, "ResNet18", ("FMNIST",), "block2", "block3"),
    Claim(3, "ResNet18", ("CIFAR-10",), "~", "block3", "block4"),
    *_less(3, "ResNet18", ("CIFAR-100",), "block3", "block4"),
    *_less(3, "ResNet18", ("MNIST", "FMNIST"), "block4", "block3"),
    *_less(4, "VGG19", ("CIFAR-10",), "early", "later", "middle"),
    *_less(4, "VGG19", ("CIFAR-10", "CIFAR-100", "MNIST", "FMNIST"), "early", "middle"),
    *_less(4, "VGG19", ("CIFAR-100",), "early", "later"),
    Claim(4, "VGG19", ("CIFAR-100",), "~", "middle", "later"),
    *_less(4, "VGG19", ("MNIST", "FMNIST"), "later", "early"),
    *_less(5, "AlexNet", EVERY_SET, "early", "middle"),
    *_less(5, "AlexNet", ("CIFAR-10",), "later", "middle"),
    *_less(5, "AlexNet", ("CIFAR-100", "MNIST", "FMNIST"), "middle", "later"),
)


def claims_table(histories: Histories, model: str, dataset: str) -> pd.DataFrame:
    """Return a line for each claim about this model and data set, under each measurement there is: COLUMNS.

    The window is that of the epochs that all seeds ran. `effect` is the mean over the seeds, with its 95 % interval:
    of a comparison the ratio second / first, which is the mean over the window of the logarithms; of depth Spearman's
    correlation. `p` is of no effect, two-sided, from sign flips.
    """
    rows = []
    for claim in CLAIMS:
        if claim.model == model and dataset in claim.datasets:
            for measured in UNDER:
                if (histories.layers["metric"] == measured).any():
                    found = effect(_by_seed(claim, histories, measured))
                    rows.append(
                        (str(claim), claim.number, measured, verdict(claim.comparison, found), *_shown(claim, found))
                    )
    table = pd.DataFrame(rows, columns=[*COLUMNS[:9], "means"])
    return table.assign(first=1, last=window(histories))[COLUMNS]


def verdict(comparison: Comparison, found: Effect) -> str:
    """Return holds, does not hold, or cannot tell: what the whole interval says, of three seeds or more."""
    low, high = found.low, found.high
    if found.n < LEAST_SEEDS or math.isnan(low):
        return "cannot tell"
    if comparison == "~":
        within, outside = low >= -ALIKE and high <= ALIKE, high < -ALIKE or low > ALIKE
    else:
        within, outside = low > 0, high < 0
    return "holds" if within else "does not hold" if outside else "cannot tell"


def _by_seed(claim: Claim, histories: Histories, measured: str) -> NDArray[np.float64]:
    """Return a number a seed: what the claim says is greater than zero, or near it."""
    if claim.comparison == "depth":
        return depth_by_seed(histories, measured)
    means = log_means(histories, measured, "group")
    if not {claim.first, claim.second} <= set(means):
        return np.array([])
    difference: NDArray[np.float64] = (means[claim.second] - means[claim.first]).to_numpy()
    return difference


def _shown(claim: Claim, found: Effect) -> tuple[float | int | str, ...]:
    """Return effect, ends, p, n and what the effect is."""
    if claim.comparison == "depth":
        return (*found, "Spearman's correlation of depth and change")
    ratios = (math.exp(value) for value in (found.mean, found.low, found.high))
    return (*ratios, found.p, found.n, f"{claim.second} / {claim.first}")
