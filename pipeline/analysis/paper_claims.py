"""The paper's claims about which layers change more (arXiv 2011.06735), as log ratios that can be tested.

Claims are about the layers that its figures draw: those in groups. `number` counts the paper's claims; number 4 about
VGG19 on CIFAR-100 and number 7 are differences of differences, 8 compares networks, 9 the beginning with the end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

PAPER_DATASETS = ("CIFAR-10", "CIFAR-100", "FMNIST", "MNIST")
SIMPLE, COMPLEX = ("MNIST", "FMNIST"), ("CIFAR-10", "CIFAR-100")
Comparison = Literal["<", "~"]


@dataclass(frozen=True)
class Claim:
    """A comparison within one study, of two groups of layers, or of layers in order of depth, or of epochs.

    The first changes less than ("<") or as much as ("~") the second. `of` "depth" compares the first with the last
    layer on the line of least squares, `of` "time" the last third of the epochs with the first tenth.
    """

    number: int
    model: str
    datasets: tuple[str, ...]
    comparison: Comparison = "<"
    of: Literal["groups", "depth", "time"] = "groups"
    first: str = ""
    second: str = ""

    def __str__(self) -> str:
        if self.of == "depth":
            return "later layers change more than earlier ones"
        if self.of == "time":
            return "layers change less in the last third of the epochs than in the first tenth"
        return f"{self.first} {'changes less than' if self.comparison == '<' else 'changes as much as'} {self.second}"

    @property
    def ratio_of(self) -> str:
        """What the ratio divides by what; the claim says that it is above 1, or near 1."""
        if self.of == "groups":
            return f"{self.second} / {self.first}"
        return "last / first layer on a line" if self.of == "depth" else "first tenth / last third of the epochs"


@dataclass(frozen=True)
class ClaimBetween:
    """A comparison of two studies: less is below ("<") or near ("~") more, each a model on a data set.

    Compared are the changes of all layers; or the ratio second / first of two groups; or that of last to first layer.
    """

    number: int
    less: tuple[str, str]
    more: tuple[str, str]
    of: Literal["layers", "groups", "depth"] = "layers"
    comparison: Comparison = "<"
    first: str = ""
    second: str = ""

    def __str__(self) -> str:
        (model, less), (other, more) = self.less, self.more
        if self.of == "depth":
            return f"{less}: change grows with depth in {model} as in {other}"
        what = "" if self.of == "layers" else f"{self.second} / {self.first} "
        return f"{model}: {what}{'changes less' if self.of == 'layers' else 'is smaller'} on {less} than on {more}"

    @property
    def ratio_of(self) -> str:
        (model, less), (other, more) = self.less, self.more
        return f"{other} / {model}" if self.of == "depth" else f"{more} / {less}"


def _less(number: int, model: str, datasets: tuple[str, ...], *groups: str) -> Iterator[Claim]:
    """Yield a claim for each pair of neighbouring groups, which are ordered from least to most change."""
    for first, second in pairwise(groups):
        yield Claim(number, model, datasets, first=first, second=second)


LAST_TWO_GROUPS = {"AlexNet": ("middle", "later"), "VGG19": ("middle", "later"), "ResNet18": ("block3", "block4")}
CLAIMS = (
    *(Claim(1, model, PAPER_DATASETS, of="depth") for model in LAST_TWO_GROUPS),
    *_less(2, "ResNet18", ("CIFAR-10", "CIFAR-100", "MNIST"), "block1", "block2", "block3"),
    *_less(2, "ResNet18", ("FMNIST",), "block1", "block3"),
    *_less(2, "ResNet18", ("FMNIST",), "block2", "block3"),
    Claim(3, "ResNet18", ("CIFAR-10",), "~", first="block3", second="block4"),
    *_less(3, "ResNet18", ("CIFAR-100",), "block3", "block4"),
    *_less(3, "ResNet18", ("MNIST", "FMNIST"), "block4", "block3"),
    *_less(4, "VGG19", ("CIFAR-10",), "early", "later", "middle"),
    *_less(4, "VGG19", PAPER_DATASETS, "early", "middle"),
    *_less(4, "VGG19", ("CIFAR-100",), "early", "later"),
    *_less(4, "VGG19", ("MNIST", "FMNIST"), "later", "early"),
    *_less(5, "AlexNet", PAPER_DATASETS, "early", "middle"),
    *_less(5, "AlexNet", ("CIFAR-10",), "later", "middle"),
    *_less(5, "AlexNet", ("CIFAR-100", "MNIST", "FMNIST"), "middle", "later"),
    *(Claim(9, model, PAPER_DATASETS, of="time") for model in LAST_TWO_GROUPS),
)
CLAIMS_BETWEEN = (
    ClaimBetween(4, ("VGG19", "CIFAR-100"), ("VGG19", "CIFAR-10"), "groups", first="later", second="middle"),
    ClaimBetween(6, ("ResNet18", "MNIST"), ("ResNet18", "FMNIST")),
    ClaimBetween(6, ("VGG19", "MNIST"), ("VGG19", "FMNIST")),
    ClaimBetween(6, ("VGG19", "CIFAR-10"), ("VGG19", "CIFAR-100")),
    *(
        ClaimBetween(7, (model, simple), (model, harder), "groups", first=first, second=second)
        for model, (first, second) in LAST_TWO_GROUPS.items()
        for simple in SIMPLE
        for harder in COMPLEX
    ),
    *(ClaimBetween(8, ("VGG19", dataset), ("ResNet18", dataset), "depth", "~") for dataset in PAPER_DATASETS),
)
