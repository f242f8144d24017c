"""Labels as people store them: whole numbers of any type, N, N x 1 or one-hot; and the classes that they make."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.array_names import shown
from data.datasets import DataError, DataSet, Images

MOST_CLASSES = 256  # labels are stored as uint8
HIGHEST = 2**31
log = logging.getLogger(__name__)


def plain_labels(path: Path, name: str, labels: NDArray[Any], count: int) -> NDArray[Any]:
    """Return a whole number of 0 or more for each of `count` images; raise DataError.

    `labels` are numbers, N or N x 1, or one-hot, N x columns. The message names file and array.
    """
    if labels.dtype.kind not in "biuf":
        raise DataError(f"{path}: {name} is {labels.dtype}, not whole numbers: {_as_numbers(name, labels)}")
    if labels.ndim == 2 and len(labels) == count and labels.shape[1] > 1:
        return _columns_of_ones(path, name, labels)
    if labels.shape not in ((count,), (count, 1)):
        remedy = f"save {name}.reshape(-1)" if labels.size == count else "give one label per image"
        raise DataError(f"{path}: {count} images but {name} has the shape {labels.shape}: {remedy}")
    labels = labels.reshape(-1)
    if labels.dtype.kind == "f" and not (np.isfinite(labels) & (labels == np.rint(labels))).all():
        raise DataError(
            f"{path}: {name} has NaN or fractions: remove such images, or number the classes, in both parts alike: "
            f"np.searchsorted(np.unique(y_train), {name})"
        )
    lowest, highest = float(labels.min()), float(labels.max())
    if lowest < 0:
        raise DataError(
            f"{path}: {name} has a negative label {lowest:g}: remove these images (x[y >= 0], y[y >= 0]), or, "
            f"if it is a class, add {-lowest:g} to the labels of both parts"
        )
    if highest >= HIGHEST:
        raise DataError(f"{path}: {name} has a label {highest:g}: number the classes from 0")
    return labels if labels.dtype.kind in "iu" else labels.astype(np.int64)


def refuse_unlike_labels(path: Path, parts: Mapping[str, NDArray[Any]]) -> None:
    """Raise DataError where one part is one-hot and the other is not, or has other columns: it may count otherwise."""
    if len({labels.shape[1] if labels.ndim == 2 else 1 for labels in parts.values()}) > 1:
        shapes = ", ".join(f"{name} has the shape {labels.shape}" for name, labels in parts.items())
        raise DataError(f"{path}: {shapes}: save one label per image in both, as .argmax(axis=1) makes of one-hot ones")


def number_classes(dataset: DataSet, images: Images) -> tuple[Images, list[str], list[int]]:
    """Return images whose labels are positions of classes, the names of these, and their labels if not 0, 1, ...

    Classes that the data set names have their positions as labels. Else every label in training is a class, in order,
    and its name. Raise DataError for labels that are no class.
    """
    _refuse_other_counts(dataset, images)
    values = np.arange(len(dataset.classes)) if dataset.classes else np.unique(images.y_train)
    if len(values) < 2:
        raise DataError(f"{dataset.name} has only one class: give labels of two or more classes")
    if len(values) > MOST_CLASSES:
        raise DataError(f"{dataset.name} has {len(values):,} different labels: give {MOST_CLASSES} classes at most")
    _refuse_other_labels(dataset, images, values)
    numbered = images._replace(
        y_train=np.searchsorted(values, images.y_train).astype(np.uint8),
        y_test=np.searchsorted(values, images.y_test).astype(np.uint8),
    )
    if dataset.classes:
        _report_missing(dataset, np.setdiff1d(values, images.y_train))
        return numbered, list(dataset.classes), []
    classes, last = [str(value) for value in values], len(values) - 1
    if values.tolist() == list(range(len(values))):
        return numbered, classes, []
    log.info("%s: the labels %s are the classes 0 to %s, named after the labels", dataset.name, shown(classes), last)
    return numbered, classes, values.tolist()


def _refuse_other_counts(dataset: DataSet, images: Images) -> None:
    for part, pixels, labels in (("training", images.x_train, images.y_train), ("test", images.x_test, images.y_test)):
        if len(pixels) != len(labels):
            raise DataError(
                f"{dataset.name} has {len(pixels)} {part} images but {len(labels)} labels: give one label per image"
            )


def _refuse_other_labels(dataset: DataSet, images: Images, values: NDArray[Any]) -> None:
    """Raise DataError for a label that is no class; without named classes, only the test part can have one."""
    for label in np.setdiff1d(np.union1d(images.y_train, images.y_test), values)[-1:]:
        if known := len(dataset.classes):
            raise DataError(f"{dataset.name} has a label {label} but {known} classes: labels go from 0 to {known - 1}")
        raise DataError(
            f"{dataset.name} has test images with the label {label}, which no training image has: remove them, or add "
            "training images of this class"
        )


def _report_missing(dataset: DataSet, missing: NDArray[Any]) -> None:
    if len(missing):
        log.warning(
            "%s: %s of %s classes have no training image (%s), and the network still has an output for each; "
            "-P dataset=<path of an .npz file> has only the classes in the file",
            dataset.name,
            len(missing),
            len(dataset.classes),
            shown([dataset.classes[position] for position in missing]),
        )


def _columns_of_ones(path: Path, name: str, labels: NDArray[Any]) -> NDArray[Any]:
    one_hot = ((labels == 0) | (labels == 1)).all() and ((labels == 1).sum(axis=1) == 1).all()
    if not one_hot:
        raise DataError(
            f"{path}: {name} has the shape {labels.shape} but is not one-hot (one 1 in each row, else 0): save one "
            f"class per image: {name}.argmax(axis=1) of probabilities, one column {name}[:, 0] of several labels"
        )
    columns: NDArray[Any] = (labels == 1).argmax(axis=1)
    return columns


def _as_numbers(name: str, labels: NDArray[Any]) -> str:
    if labels.dtype.kind in "SUT":
        return f"number the names, in both parts alike: np.searchsorted(np.unique(y_train), {name})"
    return f"save {name}.astype(np.int64)"
