"""Digits: scikit-learn's images, split into 1,437 and 360 and scaled from 0..16 to 0..255."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from data import DATASETS
from data.prepared import prepare


def test_images_are_split_and_scaled(tmp_path: Path) -> None:
    digits, read = load_digits(), DATASETS["Digits"].read(tmp_path)
    assert read.x_train.shape == (1437, 8, 8, 1)
    assert read.x_test.shape == (360, 8, 8, 1)
    assert read.x_train.dtype == np.uint8
    pixels = np.concatenate([read.x_train, read.x_test])[..., 0]
    assert set(np.unique(pixels[digits.images == 16])) == {255}
    assert np.abs(pixels - digits.images * 255 / 16).max() <= 0.5
    assert np.array_equal(np.concatenate([read.y_train, read.y_test]), digits.target)


def test_digits_are_prepared_without_internet(tmp_path: Path, no_network: list[str]) -> None:
    prepared = prepare(DATASETS["Digits"], tmp_path)
    assert prepared.manifest.shape == [32, 32, 1]
    assert sum(prepared.manifest.train_counts) == 1437
    assert no_network == []
