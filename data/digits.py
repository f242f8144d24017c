"""Digits: scikit-learn's 1,797 images of 8 x 8, which need no download; the first 1,437 train, the rest test."""

from pathlib import Path

import numpy as np

from data.datasets import DataSet, Images, register

TRAINING_IMAGES = 1437


def _find(_data_dir: Path) -> list[Path]:
    import sklearn.datasets  # here: it takes as long to import as torch

    return [Path(sklearn.datasets.__file__).parent / "data" / "digits.csv.gz"]


def _read(_data_dir: Path) -> Images:
    import sklearn.datasets  # here, as above

    digits = sklearn.datasets.load_digits()
    pixels = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    labels = digits.target.astype(np.uint8)
    return Images(
        pixels[:TRAINING_IMAGES], labels[:TRAINING_IMAGES], pixels[TRAINING_IMAGES:], labels[TRAINING_IMAGES:]
    )


register(DataSet(name="Digits", classes=tuple("0123456789"), find=_find, read=_read))
