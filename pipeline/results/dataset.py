"""Pictures of a data set: samples of every class, and how many images each class has."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.results import style

SAMPLES = 10


def samples_figure(images: NDArray[np.uint8], labels: NDArray[np.uint8], classes: Sequence[str], name: str) -> Figure:
    """Draw the first training images of every class, a row a class; images are N x H x W x channels."""
    rows = []
    for label in range(len(classes)):
        found = images[np.flatnonzero(labels == label)[:SAMPLES]]
        blank = np.full((SAMPLES - len(found), *images.shape[1:]), 255, dtype=np.uint8)
        rows.append(np.concatenate([*found, *blank], axis=1))
    height = images.shape[1]
    figure = style.new_figure(width=6, height=0.42 * len(classes) + 0.6)
    axes = figure.subplots()
    axes.imshow(np.concatenate(rows).squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_yticks(height * (np.arange(len(classes)) + 0.5), classes, fontsize=8)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{name}: training images of each class", fontsize=10)
    return figure


def balance_figure(
    train_counts: Sequence[int], test_counts: Sequence[int], classes: Sequence[str], name: str
) -> Figure:
    """Draw the number of images of every class."""
    figure = style.new_figure(width=7, height=0.26 * len(classes) + 1.4)
    axes = figure.subplots()
    places = np.arange(len(classes))
    axes.barh(places - 0.2, train_counts, 0.4, color=style.PALETTE[0], label=f"train ({sum(train_counts):,})")
    axes.barh(places + 0.2, test_counts, 0.4, color=style.PALETTE[1], label=f"test ({sum(test_counts):,})")
    axes.set_yticks(places, classes, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("images")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    axes.set_title(f"{name}: class balance", fontsize=10)
    return figure
