"""Mean and standard deviation of training images, with which images are normalised."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.datasets import Array

VALUES = np.arange(256) / 255
BLOCK = 512  # images counted at once, as counting takes eight bytes per pixel


class Moments(NamedTuple):
    """Mean and standard deviation of each channel, of pixels scaled to 0..1; a constant channel has the deviation 1."""

    mean: Sequence[float]
    std: Sequence[float]


def moments_of(images: Array) -> Moments:
    """Return the moments of one or more images, uint8, N x height x width x channels."""
    mean, std = [], []
    for channel in range(images.shape[3]):
        share = _counts(images[..., channel]) / images[..., channel].size
        centre = float(share @ VALUES)
        spread = float(np.sqrt(share @ (VALUES - centre) ** 2))
        mean.append(centre)
        std.append(spread or 1.0)  # a constant channel becomes zero
    return Moments(mean, std)


def _counts(pixels: Array) -> NDArray[np.intp]:
    """Return the number of pixels with each of the 256 values."""
    counts = np.zeros(256, dtype=np.intp)
    for first in range(0, len(pixels), BLOCK):
        counts += np.bincount(pixels[first : first + BLOCK].ravel(), minlength=256)
    return counts
