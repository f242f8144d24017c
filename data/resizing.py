"""Images resized to the size that a study asks for, written block by block, as they may be larger than the memory."""

import shutil
from collections.abc import Iterable
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from data.datasets import Array, DataError, DataSet, Images

BLOCK = 512 * 32 * 32  # pixels resized at once: resizing takes several times their memory
GIGA = 1_000_000_000
Shape = tuple[int, int, int, int]  # of images: count, height, width, channels


def prepared_shapes(dataset: DataSet, images: Images) -> dict[str, Shape]:
    """Return the shapes that training and test images have once they are prepared; raise DataError if they differ."""
    size, shapes = dataset.image_size, {}
    for part in ("x_train", "x_test"):
        count, height, width, channels = getattr(images, part).shape
        shapes[part] = (count, size, size, channels) if size else (count, height, width, channels)
    (_, *trained), (_, *tested) = shapes.values()
    if trained != tested:
        raise DataError(
            f"{dataset.name}: training images are {trained[0]} x {trained[1]}, test images {tested[0]} x {tested[1]}: "
            "give both one shape, or set image_size, to which both are resized"
        )
    return shapes


def refuse_full_disk(dataset: DataSet, shapes: Iterable[Shape], folder: Path) -> None:
    """Raise DataError if images of these shapes do not fit on the disk of a folder."""
    needed, free = sum(map(prod, shapes)), shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{dataset.name} takes {needed / GIGA:,.1f} GB at image_size={dataset.image_size or 'none'}, and {folder} "
            f"has {free / GIGA:,.1f} GB free: free space, choose a smaller image_size, or name another folder with "
            "data_dir"
        )


def write_images(path: Path, images: Array, shape: Shape) -> None:
    """Write images, resized to a shape, as np.save does: equal ones give equal files, whatever their strides."""
    count, height, width, _channels = shape
    step = max(1, BLOCK // max(height * width, prod(images.shape[1:3])))
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for first in range(0, count, step):
            file.write(_resized(images[first : first + step], height, width).tobytes())


def _resized(images: Array, height: int, width: int) -> Array:
    if images.shape[1:3] == (height, width):
        return images
    from torchvision.transforms.v2 import functional as transforms  # here: it takes as long to import as torch

    channels_first = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
    resized: Tensor = transforms.resize(
        channels_first, [height, width], interpolation=transforms.InterpolationMode.BILINEAR, antialias=True
    )
    turned: Array = resized.permute(0, 2, 3, 1).numpy()
    return turned
