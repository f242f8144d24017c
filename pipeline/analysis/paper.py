"""Results, settings and claims of the paper (arXiv 2011.06735)."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pandas as pd

ACCURACIES = {  # test accuracy in percent
    "ResNet18": {"CIFAR-10": 91.0, "CIFAR-100": 64.0, "MNIST": 99.0, "FMNIST": 92.0},
    "VGG19": {"CIFAR-10": 90.5, "CIFAR-100": 63.6, "MNIST": 98.5, "FMNIST": 91.6},
    "AlexNet": {"CIFAR-10": 81.0, "CIFAR-100": 53.0, "MNIST": 98.5, "FMNIST": 89.5},
}
SEEDS = 5
ELEMENTWISE = "rwc_elementwise"  # the measurement that its figures show
SETTINGS = {  # beside those that params.yaml has for each cell: rates, epochs and the accuracy that stops a seed
    "image_size": "32",
    "momentum": "0.9",
    "batch_size": "128",
    "val_split": "0",
    "pretrained": "false",
}
FIGURES = Path(__file__).with_name("paper_figures.csv")
PAPER_DATASETS = ("CIFAR-10", "CIFAR-100", "FMNIST", "MNIST")
Comparison = Literal["<", "~", "depth"]


@dataclass(frozen=True)
class Claim:
    """A comparison of two groups of layers: the first changes less than ("<") or as much as ("~") the second.

    "depth" compares no groups: later layers change more. `number` counts the claims of the paper.
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


@dataclass(frozen=True)
class ClaimBetween:
    """All layers of a model change less on one data set than on another."""

    number: int
    model: str
    less: str
    more: str

    def __str__(self) -> str:
        return f"{self.model}: {self.less} changes less than {self.more}"


def _less(number: int, model: str, datasets: tuple[str, ...], *groups: str) -> Iterator[Claim]:
    """Yield a claim for each pair of neighbouring groups, which are ordered from least to most change."""
    for first, second in pairwise(groups):
        yield Claim(number, model, datasets, "<", first, second)


CLAIMS = (
    *(Claim(1, model, PAPER_DATASETS, "depth") for model in ("AlexNet", "VGG19", "ResNet18")),
    *_less(2, "ResNet18", ("CIFAR-10", "CIFAR-100", "MNIST"), "block1", "block2", "block3"),
    *_less(2, "ResNet18", ("FMNIST",), "block1", "block3"),
    *_less(2, "ResNet18", ("FMNIST",), "block2", "block3"),
    Claim(3, "ResNet18", ("CIFAR-10",), "~", "block3", "block4"),
    *_less(3, "ResNet18", ("CIFAR-100",), "block3", "block4"),
    *_less(3, "ResNet18", ("MNIST", "FMNIST"), "block4", "block3"),
    *_less(4, "VGG19", ("CIFAR-10",), "early", "later", "middle"),
    *_less(4, "VGG19", PAPER_DATASETS, "early", "middle"),
    *_less(4, "VGG19", ("CIFAR-100",), "early", "later"),
    Claim(4, "VGG19", ("CIFAR-100",), "~", "middle", "later"),
    *_less(4, "VGG19", ("MNIST", "FMNIST"), "later", "early"),
    *_less(5, "AlexNet", PAPER_DATASETS, "early", "middle"),
    *_less(5, "AlexNet", ("CIFAR-10",), "later", "middle"),
    *_less(5, "AlexNet", ("CIFAR-100", "MNIST", "FMNIST"), "middle", "later"),
)
CLAIMS_BETWEEN = (
    ClaimBetween(6, "ResNet18", "MNIST", "FMNIST"),
    ClaimBetween(6, "VGG19", "MNIST", "FMNIST"),
    ClaimBetween(6, "VGG19", "CIFAR-10", "CIFAR-100"),
)


def figure_medians(model: str, dataset: str) -> dict[str, tuple[float, float]]:
    """Return {group: (lower quartile, median)} of rwc_elementwise in the paper's figure; nothing if it has none."""
    table = pd.read_csv(FIGURES, comment="#")
    rows = table[(table["model"] == model) & (table["dataset"] == dataset)]
    return {group: (low, median) for group, low, median in zip(rows["group"], rows["q25"], rows["median"], strict=True)}
