"""The data sets by name: their classes, how they are augmented, and where the original files of each come from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.uint8]


class DataError(Exception):
    """Data that are missing or damaged; the message is one line and names the remedy."""


class Images(NamedTuple):
    """Images, uint8, N x H x W x channels, and their labels, uint8, N, of both parts of a data set."""

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array


class Fetch(NamedTuple):
    """One way to bring the original files of a data set into an empty folder; raises OSError or RuntimeError."""

    source: str
    into: Callable[[Path], object]


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """`find` lists the original files under a data folder, none where they are not all there; `read` reads them.

    `fetches` are tried in order where no files are found. Without `classes`, the labels are the classes' names.
    `padding` (pixels on each side, for a random crop) and `flip` (left to right) say how training images are augmented.
    """

    name: str
    find: Callable[[Path], list[Path]]
    read: Callable[[Path], Images]
    classes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    fetches: tuple[Fetch, ...] = ()
    padding: int = 0
    flip: bool = False


DATASETS: dict[str, DataSet] = {}


def plain(name: str) -> str:
    """Return a name as it is compared: without case, '-' and '_'."""
    return name.casefold().replace("-", "").replace("_", "")


def register(dataset: DataSet) -> None:
    """Register a data set under its name and its aliases."""
    taken = {plain(name) for known in DATASETS.values() for name in (known.name, *known.aliases)}
    for name in (dataset.name, *dataset.aliases):
        if plain(name) in taken:
            raise ValueError(f"the data set {name} is registered twice")
    DATASETS[dataset.name] = dataset
