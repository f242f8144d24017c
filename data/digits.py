"""Digits: scikit-learn's 1,797 images of 8 x 8, which need no download; the first 1,437 train, the rest test."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from data.datasets import DataSet, Images, register

TRAINING_IMAGES = 1437


def _find(_data_dir: Path) -> list[Path]:
    package = find_spec("sklearn")  # which does not import it
    folders = package.submodule_search_locations if package else None
    return [Path(folder, "datasets", "data", "digits.csv.gz") for folder in folders or ()]


def _read(_data_dir: Path) -> Images:
    import sklearn.datasets  # here: it takes as long to import as torch

    digits = sklearn.datasets.load_digits()
    pixels = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    labels = digits.target.astype(np.uint8)
    return Images(
        pixels[:TRAINING_IMAGES], labels[:TRAINING_IMAGES], pixels[TRAINING_IMAGES:], labels[TRAINING_IMAGES:]
    )


register(DataSet(name="Digits", classes=tuple("0123456789"), find=_find, read=_read))
