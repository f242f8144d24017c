"""Mean and standard deviation of training images, with which images are normalised."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.datasets import Array

VALUES = np.arange(256) / 255
BLOCK = 512 * 32 * 32  # pixels counted at once, as counting takes eight bytes for each


class Moments(NamedTuple):
    """Mean and standard deviation of each channel, of pixels scaled to 0..1; a constant channel has the deviation 1."""

    mean: Sequence[float]
    std: Sequence[float]


def moments_of(images: Array, chosen: NDArray[np.int64] | None = None) -> Moments:
    """Return the moments of images, uint8, N x height x width x channels: of all, or of those at some positions."""
    mean, std = [], []
    for counts in _counts(images, np.arange(len(images)) if chosen is None else chosen):
        share = counts / counts.sum()
        centre = float(share @ VALUES)
        spread = float(np.sqrt(share @ (VALUES - centre) ** 2))
        mean.append(centre)
        std.append(spread or 1.0)  # a constant channel becomes zero
    return Moments(mean, std)


def _counts(images: Array, chosen: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the number of pixels with each of the 256 values: channels x 256."""
    _count, height, width, channels = images.shape
    counts, step = np.zeros((channels, 256), dtype=np.intp), max(1, BLOCK // (height * width))
    for first in range(0, len(chosen), step):
        block = images[chosen[first : first + step]]
        for channel in range(channels):
            counts[channel] += np.bincount(block[..., channel].ravel(), minlength=256)
    return counts
