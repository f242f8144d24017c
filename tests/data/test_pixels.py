"""Images of every plain kind become uint8 by one rule for both parts; the others are refused, with a conversion."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data import DataError
from data.pixels import BLOCK, grey_levels

FILE = Path("set.npz")
GREY = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)
GREY[0, 0, :2] = 0, 255


def read(train: Any, test: Any) -> tuple[Any, Any]:
    one, other = grey_levels(FILE, {"x_train": train, "x_test": test}).values()
    assert one.dtype == other.dtype == np.uint8
    return one, other


def refusal(train: Any, test: Any) -> str:
    with pytest.raises(DataError) as failure:
        grey_levels(FILE, {"x_train": train, "x_test": test})
    assert "\n" not in str(failure.value)
    return str(failure.value)


PLAIN = {
    "uint8": lambda grey: grey,
    "int64": lambda grey: grey.astype(np.int64),
    "uint16 up to 255": lambda grey: grey.astype(np.uint16),
    "big-endian": lambda grey: grey.astype(">i2"),
    "whole floats": lambda grey: grey.astype(np.float32),
    "float64 0 to 1": lambda grey: grey / 255,
    "float32 0 to 1": lambda grey: grey.astype(np.float32) * np.float32(1 / 255),  # 255 becomes 1.0000001
    "float16 0 to 1": lambda grey: (grey / 255).astype(np.float16),
}


@pytest.mark.parametrize("stored", PLAIN.values(), ids=PLAIN)
def test_plain_values_are_read_as_the_same_grey_levels(stored: Any) -> None:
    train, test = read(stored(GREY), stored(GREY[:2]))
    assert np.array_equal(train[..., 0], GREY)
    assert np.array_equal(test[..., 0], GREY[:2])


def test_bools_are_black_and_white() -> None:
    train, _test = read(GREY > 99, GREY > 99)
    assert np.array_equal(train[..., 0], np.where(GREY > 99, 255, 0))


def test_conversion_covers_more_than_a_block() -> None:
    images = np.tile(GREY[0] / 255, (BLOCK + 3, 1, 1))
    train, _test = read(images, images)
    assert np.array_equal(train[..., 0], np.tile(GREY[0], (BLOCK + 3, 1, 1)))


def test_a_test_part_of_zeros_and_ones_is_scaled_as_the_training_part(caplog: pytest.LogCaptureFixture) -> None:
    dark = (GREY > 99).astype(float)
    _train, test = read(GREY.astype(float), dark)  # whole numbers up to 255
    assert np.array_equal(test[..., 0], dark)
    _train, test = read(GREY / 255, dark)
    assert np.array_equal(test[..., 0], dark * 255)
    assert caplog.messages == [
        "set.npz: images are float64 from 0 to 255: read as grey levels of 0 to 255",
        "set.npz: x_test has only the values 0 and 1 of 0 to 255: if 1 is white, save it times 255",
        "set.npz: images are float64 from 0 to 1: read times 255, rounded",
    ]


def test_nothing_is_said_of_uint8(caplog: pytest.LogCaptureFixture) -> None:
    read(GREY, GREY)
    assert caplog.messages == []


@pytest.mark.parametrize("kind", [np.uint8, np.int64])
def test_integers_of_0_and_1_alone_are_read_with_a_warning(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    dark = (GREY > 99).astype(kind)
    assert np.array_equal(read(dark, dark)[0][..., 0], dark)
    assert [message for message in caplog.messages if "grey levels" not in message] == [
        f"set.npz: {name} has only the values 0 and 1 of 0 to 255: if 1 is white, save it times 255"
        for name in ("x_train", "x_test")
    ]


WRONG_VALUES = {
    "-1 to 1": (GREY / 127.5 - 1, "values of x_train from -1 to 1, of x_test from -1 to 1, not", "such as -1 and 1"),
    "standardised": ((GREY - 127.5) / 50, "of x_train from -2.55 to 2.55", "such as -2.55 and 2.55"),
    "int8": (GREY.astype(np.int16) - 128, "from -128 to 127", "such as -128 and 127"),
    "uint16": (GREY * np.uint16(257), "from 0 to 65535", "such as 0 and 65535"),
    "12 bits": (np.minimum(GREY * np.uint16(16), 4000), "from 0 to 4000", "such as 0 and 4095"),
    "past 1": (GREY / 255 * 1.2, "from 0 to 1.2", "such as 0 and 1"),
    "fractions": (np.minimum(GREY + 0.25, 255.0), "from 0.25 to 255", "such as 0 and 255"),
    "NaN": (np.where(GREY > 9, GREY / 255, np.nan), "from nan to nan", "np.nan_to_num(x)"),
    "infinite": (np.where(GREY > 9, GREY / 255, np.inf), "to inf", "np.nan_to_num(x)"),
    "huge": (GREY * 1e300, "from 0 to 2.55e+302", "such as 0 and"),
}


@pytest.mark.parametrize(("images", "described", "remedy"), WRONG_VALUES.values(), ids=WRONG_VALUES)
def test_other_ranges_are_refused_with_a_conversion(images: Any, described: str, remedy: str) -> None:
    message = refusal(images, images)
    assert message.startswith("set.npz: ")
    assert described in message
    assert remedy in message


def test_the_conversion_that_is_named_gives_the_grey_levels() -> None:
    x = GREY / 127.5 - 1
    formula = refusal(x, x).partition("save ")[2].partition(" of both")[0]
    assert np.array_equal(eval(formula, {"np": np, "x": x, "black": -1, "white": 1}), GREY)


def test_parts_of_different_scales_are_refused() -> None:
    assert "of x_train from 0 to 1, of x_test from 0 to 254.5" in refusal(GREY / 255, np.minimum(GREY, 254.5))
    assert "x_train is float64, x_test is uint8: give both one type and scale" in refusal(GREY / 255, GREY)
    assert "x_train is bool, x_test is uint8" in refusal(GREY > 9, GREY)


@pytest.mark.parametrize("kind", ["U3", "S3", "complex64", "datetime64[s]", "V4"])
def test_what_is_not_a_number_is_refused(kind: str) -> None:
    assert "not numbers: save grey levels of 0 to 255 as uint8" in refusal(GREY, np.zeros(GREY.shape, kind))


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_first_are_moved_and_reported(channels: int, caplog: pytest.LogCaptureFixture) -> None:
    last = np.random.default_rng(1).integers(0, 256, (6, 5, 4, channels), dtype=np.uint8)
    first = np.ascontiguousarray(last.transpose(0, 3, 1, 2))
    train, test = read(first, first[:2])
    assert np.array_equal(train, last)
    assert np.array_equal(test, last[:2])
    assert caplog.messages == [
        f"set.npz: {name} has the shape ({count}, {channels}, 5, 4): read with channels first"
        for name, count in (("x_train", 6), ("x_test", 2))
    ]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((6, 3, 8, 3), "(6, 3, 8, 3), with channels first or last: save grey images as N x H x W"),
        ((6, 1, 9, 1), "with channels first or last"),
        ((6, 8, 8, 4), "without transparency, save x_train[..., :3]"),
        ((6, 8, 8, 2), "without transparency, save x_train[..., :1]"),
        ((6, 4, 8, 8), "without transparency, save x_train[:, :3]"),
        ((6, 784), "save rows of pixels as x_train.reshape(-1, 28, 28)"),
        ((6, 3072), "save rows of pixels as x_train.reshape(-1, 3, 32, 32)"),
        ((6, 20), "has the shape (6, 20): images must be N x H x W"),
        ((6, 8, 8, 8), "has the shape (6, 8, 8, 8): images must be N x H x W"),
        ((6, 8, 8, 8, 1), "images must be N x H x W"),
        ((0, 8, 8), "has the shape (0, 8, 8): images must be"),
        ((6, 0, 8, 3), "has the shape (6, 0, 8, 3): images must be"),
        ((6,), "images must be"),
        ((), "images must be"),
    ],
)
def test_other_shapes_are_refused(shape: tuple[int, ...], message: str) -> None:
    assert message in refusal(np.zeros(shape, np.uint8), GREY)
