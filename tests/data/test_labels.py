"""Labels of every plain kind are read, the others are refused with how to convert them, and classes are numbered."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data import DATASETS, DataError
from data.array_names import shown
from data.labels import number_classes, plain_labels, refuse_unlike_labels
from data.npz import npz_dataset

FILE = Path("set.npz")
TRUE_LABELS = [2, 0, 1, 2]
PLAIN = {
    "uint8": np.array(TRUE_LABELS, np.uint8),
    "int64": np.array(TRUE_LABELS),
    "big-endian": np.array(TRUE_LABELS, ">i4"),
    "uint64": np.array(TRUE_LABELS, np.uint64),
    "whole floats": np.array(TRUE_LABELS, np.float32),
    "N x 1": np.array(TRUE_LABELS)[:, np.newaxis],
    "N x 1 floats": np.array(TRUE_LABELS, float)[:, np.newaxis],
    "one-hot floats": np.eye(3, dtype=np.float32)[TRUE_LABELS],
    "one-hot bools": np.eye(3, dtype=bool)[TRUE_LABELS],
    "one-hot integers": np.eye(3, dtype=np.uint8)[TRUE_LABELS],
}


@pytest.mark.parametrize("labels", PLAIN.values(), ids=PLAIN)
def test_plain_labels_are_whole_numbers_one_an_image(labels: Any) -> None:
    read = plain_labels(FILE, "y", labels, 4)
    assert read.dtype.kind in "iu"
    assert read.tolist() == TRUE_LABELS


def test_bools_are_two_classes() -> None:
    assert plain_labels(FILE, "y", np.array([True, False]), 2).tolist() == [1, 0]


WRONG = {
    "negative": (np.array([0, -1, 1, 0]), "a negative label -1: remove these images (x[y >= 0], y[y >= 0]), or, if"),
    "NaN": (np.array([0, np.nan, 1, 0]), "has NaN or fractions: remove such images"),
    "infinite": (np.array([0, np.inf, 1, 0]), "has NaN or fractions"),
    "fractions": (np.array([0, 0.5, 1, 0]), "in both parts alike: np.searchsorted(np.unique(y_train), y)"),
    "huge": (np.array([0, 1e300, 1, 0]), "has a label 1e+300: number the classes from 0"),
    "huge and negative": (np.array([0, -1e300, 1, 0]), "a negative label -1e+300"),
    "the most negative": (np.array([0, -(2**63), 1, 0]), "a negative label -9.22337e+18"),
    "strings": (np.array(["cat", "dog", "cat", "dog"]), "is <U3, not whole numbers: number the names, in both parts"),
    "bytes": (np.array([b"a", b"b", b"a", b"b"]), "np.searchsorted(np.unique(y_train), y)"),
    "complex": (np.zeros(4, complex), "is complex128, not whole numbers: save y.astype(np.int64)"),
    "dates": (np.zeros(4, "datetime64[s]"), "is datetime64[s], not whole numbers"),
    "too few": (np.zeros(3, int), "4 images but y has the shape (3,): give one label per image"),
    "a row": (np.zeros((1, 4), int), "4 images but y has the shape (1, 4): save y.reshape(-1)"),
    "several labels": (np.array([[1, 1, 0]] * 4), "is not one-hot (one 1 in each row, else 0): save one class per"),
    "no label": (np.zeros((4, 3)), "is not one-hot"),
    "probabilities": (np.full((4, 2), 0.5), "y.argmax(axis=1)"),
    "twos": (np.eye(4) * 2, "is not one-hot"),
    "NaN among ones": (np.array([[1, np.nan]] * 4), "is not one-hot"),
    "three axes": (np.zeros((4, 1, 1), int), "has the shape (4, 1, 1): save y.reshape(-1)"),
    "a single number": (np.array(3), "has the shape ()"),
}


@pytest.mark.parametrize(("labels", "message"), WRONG.values(), ids=WRONG)
def test_other_labels_are_refused_with_how_to_convert_them(labels: Any, message: str) -> None:
    with pytest.raises(DataError) as failure:
        plain_labels(FILE, "y", labels, 4)
    assert str(failure.value).startswith("set.npz: ")
    assert message in str(failure.value)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(("train", "test"), [((6, 3), (4,)), ((6,), (4, 3)), ((6, 3), (4, 2))])
def test_one_hot_in_one_part_alone_is_refused(train: tuple[int, ...], test: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"set.npz: a has the shape .*, b has the shape .*: save one label per image"):
        refuse_unlike_labels(FILE, {"a": np.zeros(train), "b": np.zeros(test)})


def test_n_and_n_x_1_are_alike() -> None:
    refuse_unlike_labels(FILE, {"a": np.zeros(6), "b": np.zeros((4, 1))})


def labelled(make_images: Any, train: Any, test: Any) -> Any:
    images = make_images(4, train=len(train), test=len(test))
    return images._replace(y_train=np.array(train), y_test=np.array(test))


@pytest.mark.parametrize(
    ("train", "test", "classes", "numbers"),
    [
        (range(1, 11), [10, 1], [str(label) for label in range(1, 11)], list(range(10))),
        ([0, 255, 0], [255], ["0", "255"], [0, 1, 0]),
        ([7, 3, 3], [7, 3], ["3", "7"], [1, 0, 0]),
        ([2**31 - 1, 5], [5], ["5", "2147483647"], [1, 0]),
        ([0, 2, 4], [2], ["0", "2", "4"], [0, 1, 2]),
    ],
)
def test_labels_with_gaps_are_numbered_and_named_after_themselves(
    train: Any, test: Any, classes: list[str], numbers: list[int], make_images: Any, caplog: pytest.LogCaptureFixture
) -> None:
    images, names, labels = number_classes(npz_dataset(FILE), labelled(make_images, train, test))
    assert (names, labels) == (classes, [int(name) for name in classes])
    assert (images.y_train.tolist(), images.y_train.dtype) == (numbers, np.uint8)
    assert [names[number] for number in images.y_test] == [str(label) for label in test]
    assert caplog.messages == [
        f"set: the labels {shown(classes)} are the classes 0 to {len(classes) - 1}, named after the labels"
    ]


def test_labels_from_0_without_gaps_stay_and_nothing_is_said(
    make_images: Any, caplog: pytest.LogCaptureFixture
) -> None:
    images, names, labels = number_classes(npz_dataset(FILE), labelled(make_images, [1, 0, 2], [2, 0]))
    assert (images.y_train.tolist(), images.y_test.tolist()) == ([1, 0, 2], [2, 0])
    assert (names, labels, caplog.messages) == (["0", "1", "2"], [], [])


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ([1, 2], [3], "set has test images with the label 3, which no training image has"),
        ([0, 2], [1], "set has test images with the label 1, which no training image has"),
        ([5, 5], [5], "set has only one class"),
        (range(257), [0], "set has 257 different labels: give 256 classes at most"),
    ],
)
def test_labels_that_make_no_classes_are_refused(train: Any, test: Any, message: str, make_images: Any) -> None:
    with pytest.raises(DataError, match=message):
        number_classes(npz_dataset(FILE), labelled(make_images, train, test))


def test_256_classes_are_numbered(make_images: Any) -> None:
    images, names, _labels = number_classes(npz_dataset(FILE), labelled(make_images, range(1, 257), [256]))
    assert (images.y_train.max(), images.y_test.tolist(), names[-1]) == (255, [255], "256")


def test_named_classes_keep_their_positions_and_missing_ones_are_reported(
    make_images: Any, caplog: pytest.LogCaptureFixture
) -> None:
    images, names, labels = number_classes(DATASETS["FMNIST"], labelled(make_images, [3, 7, 3], [7]))
    assert images.y_train.tolist() == [3, 7, 3]
    assert (names, labels) == (list(DATASETS["FMNIST"].classes), [])
    ((_logger, level, message),) = caplog.record_tuples
    assert level == logging.WARNING
    assert message.startswith(
        "FMNIST: 8 of 10 classes have no training image "
        "(T-shirt/top, Trouser, Pullover, Coat, Sandal, Shirt, Bag, Ankle boot), "
    )


@pytest.mark.parametrize(("train", "test", "label"), [(range(1, 11), [1], 10), ([0, 1], [10], 10), ([0, -1], [1], -1)])
def test_a_label_beside_the_named_classes_is_refused(train: Any, test: Any, label: int, make_images: Any) -> None:
    with pytest.raises(DataError, match=rf"FMNIST has a label {label} but 10 classes: labels go from 0 to 9"):
        number_classes(DATASETS["FMNIST"], labelled(make_images, train, test))


def test_many_names_are_shortened() -> None:
    assert shown("12345678") == "1, 2, 3, 4, 5, 6, 7, 8"
    assert shown("123456789") == "1, 2, 3, 4, 5, 6, 7, 8 and 1 more"
