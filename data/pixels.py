"""Images as people store them, such as floats from 0 to 1 or channels first, read as uint8 with channels last."""

import logging
from collections.abc import Mapping
from math import isqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.datasets import Array, DataError

BLOCK = 512  # images converted at once: whole arrays would take several times their memory
CHANNELS = (1, 3)
SHAPES = "images must be N x H x W, N x H x W x 1 or 3, or N x 1 or 3 x H x W"
log = logging.getLogger(__name__)


class Values(NamedTuple):
    """The range of the values of images, and whether all are whole numbers; NaN if one is NaN."""

    lowest: float
    highest: float
    whole: bool

    def __str__(self) -> str:
        return f"from {self.lowest:g} to {self.highest:g}"


def grey_levels(path: Path, images: Mapping[str, NDArray[Any]]) -> dict[str, Array]:
    """Return the arrays as uint8, N x height x width x 1 or 3, all by one rule; raise DataError."""
    for name, array in images.items():
        if array.dtype.kind not in "biuf":
            raise DataError(f"{path}: {name} is {array.dtype}, not numbers: save grey levels of 0 to 255 as uint8")
    laid_out = {name: _channels_last(path, name, array) for name, array in images.items()}
    factor = _factor(path, laid_out)
    return {name: _scaled(array, factor) for name, array in laid_out.items()}


def _channels_last(path: Path, name: str, images: NDArray[Any]) -> NDArray[Any]:
    shape = images.shape
    if len(shape) == 3 and 0 not in shape:
        return images[..., np.newaxis]
    first, last = (len(shape) == 4 and shape[axis] in CHANNELS for axis in (1, 3))
    if 0 in shape or not (first or last):
        raise DataError(f"{path}: {name} has the shape {shape}: {_layout_remedy(name, shape)}")
    if first and last:
        raise DataError(
            f"{path}: {name} has the shape {shape}, with channels first or last: save grey images as N x H x W, "
            "and colour images no 3 pixels high or wide"
        )
    if first:
        log.info("%s: %s has the shape %s: read with channels first", path, name, shape)
        return np.moveaxis(images, 1, 3)
    return images


def _layout_remedy(name: str, shape: tuple[int, ...]) -> str:
    if len(shape) == 4 and 0 not in shape:
        for slices, channels in (("..., :", shape[3]), (":, :", shape[1])):
            if channels in (2, 4):
                return f"{SHAPES}: without transparency, save {name}[{slices}{channels - 1}]"
    if len(shape) == 2 and 0 not in shape:
        for channels in CHANNELS:
            side = isqrt(shape[1] // channels)
            if side > 1 and channels * side**2 == shape[1]:
                folded = f"-1, {side}, {side}" if channels == 1 else f"-1, {channels}, {side}, {side}"
                return f"{SHAPES}: save rows of pixels as {name}.reshape({folded})"
    return SHAPES


def _factor(path: Path, images: Mapping[str, NDArray[Any]]) -> int:
    """Return what makes grey levels of the values: decided for both parts together, as one may have few values."""
    kinds = {array.dtype.kind.replace("u", "i") for array in images.values()}
    if len(kinds) > 1:
        types = ", ".join(f"{name} is {array.dtype}" for name, array in images.items())
        raise DataError(f"{path}: {types}: give both one type and scale, like uint8 from 0 to 255")
    each = {name: _values(array) for name, array in images.items()}
    both = Values(
        float(np.min([values.lowest for values in each.values()])),
        float(np.max([values.highest for values in each.values()])),
        all(values.whole for values in each.values()),
    )
    if kinds == {"b"} or (kinds == {"f"} and 255 * both.lowest > -0.5 and 255 * both.highest < 255.5):
        factor = 255
    elif both.whole and both.lowest >= 0 and both.highest <= 255:
        factor = 1
    else:
        ranges = ", ".join(f"of {name} {values}" for name, values in each.items())
        raise DataError(
            f"{path}: values {ranges}, not whole numbers from 0 to 255 or floats from 0 to 1: {_scale_remedy(both)}"
        )
    stored = dict.fromkeys(str(array.dtype) for array in images.values())
    if set(stored) != {"uint8"}:
        how = f"times {factor}, rounded" if factor > 1 else "as grey levels of 0 to 255"
        log.info("%s: images are %s %s: read %s", path, " and ".join(stored), both, how)
    for name, values in each.items():
        if factor == 1 and values.highest <= 1:
            log.warning("%s: %s has only the values 0 and 1 of 0 to 255: if 1 is white, save it times 255", path, name)
    return factor


def _scale_remedy(values: Values) -> str:
    """Return how to make uint8 of values; what is black and what is white is known to their owner alone."""
    lowest, highest, _whole = values
    if not np.isfinite([lowest, highest]).all():
        return "save np.nan_to_num(x) of both, scaled to 0 to 255"
    if lowest >= 0:
        white = 1.0 if highest < 2 else 2.0 ** max(8, int(highest).bit_length()) - 1
        black = 0.0
    else:
        black, white = (-1.0, 1.0) if lowest >= -1 and highest <= 1 else (lowest, highest)
    return (
        "save np.round((x - black) * (255 / (white - black))).clip(0, 255).astype(np.uint8) of both, "
        f"where black and white are their values in x, such as {black:g} and {white:g}"
    )


def _values(images: NDArray[Any]) -> Values:
    blocks = [images[first : first + BLOCK] for first in range(0, len(images), BLOCK)]
    lowest, highest = np.min([block.min() for block in blocks]), np.max([block.max() for block in blocks])
    whole = images.dtype.kind != "f" or all(np.array_equal(block, np.rint(block)) for block in blocks)
    return Values(float(lowest), float(highest), whole)


def _scaled(images: NDArray[Any], factor: int) -> Array:
    if images.dtype == np.uint8:
        return images
    scaled = np.empty(images.shape, dtype=np.uint8)
    for first in range(0, len(images), BLOCK):
        scaled[first : first + BLOCK] = np.rint(images[first : first + BLOCK].astype(np.float64) * factor)
    return scaled
