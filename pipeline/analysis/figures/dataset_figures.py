"""The figures of a data set: samples of every class, and the number of images per class."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.analysis.figures import style

SAMPLES = 10
CLASSES_PER_PANEL = 25
Pixels = NDArray[np.uint8]


def dataset_figures(
    images: Pixels,
    labels: Pixels,
    train_counts: Sequence[int],
    test_counts: Sequence[int],
    *,
    classes: Sequence[str],
    name: str,
) -> Iterator[tuple[str, Figure]]:
    """Yield name and figure of a data set; images and labels are those of training."""
    yield "samples", samples_figure(images, labels, classes, name)
    yield "class_balance", balance_figure(train_counts, test_counts, classes, name)


def samples_figure(images: Pixels, labels: Pixels, classes: Sequence[str], name: str) -> Figure:
    """Draw the first training images of every class, one row per class; images are N x H x W x channels."""
    panels = _panels(len(classes))
    figure = style.new_figure(width=6 * len(panels), height=0.42 * len(panels[0]) + 0.6)
    for axes, chosen in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _draw_samples(axes, [_first(images, labels, label) for label in chosen])
        places = images.shape[1] * (np.arange(len(chosen)) + 0.5)
        axes.set_yticks(places, [classes[label] for label in chosen], fontsize=8)
    figure.suptitle(f"{name}: training images of each class", fontsize=10)
    return figure


def balance_figure(
    train_counts: Sequence[int], test_counts: Sequence[int], classes: Sequence[str], name: str
) -> Figure:
    """Draw the number of images of every class in both parts."""
    panels = _panels(len(classes))
    figure = style.new_figure(width=5 * len(panels) + 2, height=0.26 * len(panels[0]) + 1.4)
    for axes, chosen in zip(figure.subplots(1, len(panels), squeeze=False, sharex=True)[0], panels, strict=True):
        places = np.arange(len(chosen))
        for counts, side, part, colour in ((train_counts, -0.2, "train", 0), (test_counts, 0.2, "test", 1)):
            widths = [counts[label] for label in chosen]
            axes.barh(places + side, widths, 0.4, color=style.PALETTE[colour], label=f"{part} ({sum(counts):,})")
        axes.set_yticks(places, [classes[label] for label in chosen], fontsize=8)
        axes.invert_yaxis()
        axes.set_xlabel("images")
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    figure.suptitle(f"{name}: class balance", fontsize=10)
    return figure


def _panels(classes: int) -> list[range]:
    """Return the labels of each panel; panels stand side by side, so that a hundred classes fit on a screen."""
    return [range(first, min(first + CLASSES_PER_PANEL, classes)) for first in range(0, classes, CLASSES_PER_PANEL)]


def _first(images: Pixels, labels: Pixels, label: int) -> Pixels:
    found = images[np.flatnonzero(labels == label)[:SAMPLES]]
    blank = np.full((SAMPLES - len(found), *images.shape[1:]), 255, dtype=np.uint8)
    return np.concatenate([*found, *blank], axis=1)


def _draw_samples(axes: Axes, rows: list[Pixels]) -> None:
    axes.imshow(np.concatenate(rows).squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
