"""Mean and deviation of images, computed by hand and in blocks."""

import numpy as np
import pytest

import data.moments as moments_module
from data.moments import Moments, moments_of


def test_moments_agree_with_computation_by_hand() -> None:
    images = np.zeros((2, 1, 2, 3), dtype=np.uint8)
    images[..., 1] = [[[0, 255]], [[51, 102]]]
    images[..., 2] = 102
    mean, std = moments_of(images)
    scaled = np.array([0, 1, 0.2, 0.4])
    assert mean == pytest.approx([0, scaled.mean(), 0.4])
    assert std == pytest.approx([1, scaled.std(), 1])  # constant channels become zero


@pytest.mark.parametrize("count", [1, 5, 6, 7])
def test_moments_in_blocks_are_those_of_all_images(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    at_once: Moments = moments_of(images)
    monkeypatch.setattr(moments_module, "BLOCK", 3)
    assert moments_of(images) == at_once
    scaled = images / 255
    assert at_once.mean == pytest.approx(scaled.mean(axis=(0, 1, 2)))
    assert at_once.std == pytest.approx(scaled.std(axis=(0, 1, 2)))
