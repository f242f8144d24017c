"""Mean and standard deviation of images, by which they are normalised: of the ones that a network is trained on."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from data.datasets import Array

VALUES = np.arange(256) / 255
BLOCK = 512  # images counted at once: counting takes eight bytes a pixel


class Moments(NamedTuple):
    """Mean and standard deviation of each channel, of pixels scaled to 0..1; a constant channel has the deviation 1."""

    mean: Sequence[float]
    std: Sequence[float]


def moments_of(images: Array) -> Moments:
    """Return the moments of images, uint8, N x height x width x channels, of which there is one at least."""
    mean, std = [], []
    for channel in range(images.shape[3]):
        share = _counts(images[..., channel]) / images[..., channel].size
        centre = float(share @ VALUES)
        spread = float(np.sqrt(share @ (VALUES - centre) ** 2))
        mean.append(centre)
        std.append(spread or 1.0)  # a constant channel is left at zero
    return Moments(mean, std)


def _counts(pixels: Array) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return how many pixels have each of the 256 values."""
    counts = np.zeros(256, dtype=np.intp)
    for first in range(0, len(pixels), BLOCK):
        counts += np.bincount(pixels[first : first + BLOCK].ravel(), minlength=256)
    return counts
