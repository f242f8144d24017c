"""The registry of data sets: classes, augmentation, and the sources of the original files of each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.uint8]
SIZE = 32  # pixels: the height and width of images unless another size is asked for


class DataError(Exception):
    """Data are missing or damaged; the message is one line and names the remedy."""


class Images(NamedTuple):
    """Images, uint8, N x H x W x channels, and labels, whole numbers of 0 or more, N, of both parts of a data set."""

    x_train: Array
    y_train: NDArray[Any]
    x_test: Array
    y_test: NDArray[Any]


class Fetch(NamedTuple):
    """One way to fetch the original files of a data set into an empty folder; it raises OSError or RuntimeError."""

    source: str
    into: Callable[[Path], object]


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """`find` lists the original files in a data folder, or nothing if any is missing; `read` reads them.

    If no files are found, `fetches` are tried in order. Without `classes`, these are the labels of training images.
    Images are resized to `image_size` x `image_size` pixels; None: they stay as they are. Training images are augmented
    by a random crop with `padding` pixels on each side, in images of 32 x 32, and with `flip` left to right.
    """

    name: str
    find: Callable[[Path], list[Path]]
    read: Callable[[Path], Images]
    classes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    fetches: tuple[Fetch, ...] = ()
    padding: int = 0
    flip: bool = False
    image_size: int | None = SIZE


DATASETS: dict[str, DataSet] = {}


def plain(name: str) -> str:
    """Return a name without case, '-' and '_', for comparison."""
    return name.casefold().replace("-", "").replace("_", "")


def register(dataset: DataSet) -> None:
    """Register a data set under its name and its aliases; raise ValueError if one is taken."""
    taken = {plain(name) for known in DATASETS.values() for name in (known.name, *known.aliases)}
    for name in (dataset.name, *dataset.aliases):
        if plain(name) in taken:
            raise ValueError(f"the data set {name} is registered twice")
    DATASETS[dataset.name] = dataset
