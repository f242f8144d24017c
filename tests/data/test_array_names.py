"""The names that Keras, MedMNIST and scikit-learn give arrays are found; others are refused with what to rename."""

import itertools
from pathlib import Path

import pytest

from data import DataError
from data.array_names import find_arrays

FILE = Path("folder/set.npz")
ROLES = ("x_train", "y_train", "x_test", "y_test")
SPELLINGS = [
    ("x_train", "y_train", "x_test", "y_test"),
    ("X_train", "y_train", "X_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("train_x", "train_y", "test_x", "test_y"),
    ("train_data", "train_target", "test_data", "test_target"),
    ("images_train", "labels_train", "images_test", "labels_test"),
    ("TrainImages", "TrainLabels", "TestImages", "TestLabels"),
    ("training_images", "training_labels", "testing_images", "testing_labels"),
    ("data-train", "targets-train", "data-test", "targets-test"),
]


@pytest.mark.parametrize("names", SPELLINGS, ids=lambda names: names[0])
def test_arrays_are_found_under_their_common_names(names: tuple[str, ...], caplog: pytest.LogCaptureFixture) -> None:
    for order in (names, names[::-1]):
        assert find_arrays(FILE, [*order, "extra"]) == dict(zip(ROLES, names, strict=True))
    assert caplog.messages == []


@pytest.mark.parametrize("held_out", [("val_images", "val_labels"), ("x_val", "y_val"), ("X_valid", "y_valid")])
def test_a_validation_part_is_left_out_and_reported(
    held_out: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    assert find_arrays(FILE, [*SPELLINGS[2], *held_out]) == dict(zip(ROLES, SPELLINGS[2], strict=True))
    assert caplog.messages == [
        f"folder/set.npz: {held_out[0]}, {held_out[1]} left out: val_split holds out training images"
    ]


def test_the_exact_names_win() -> None:
    names = [*SPELLINGS[2], *ROLES, "X_train"]
    assert find_arrays(FILE, names) == dict(zip(ROLES, ROLES, strict=True))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["images", "labels"], "split images and labels into both parts: x_train, x_test, y_train, y_test = sklearn"),
        (["data", "target"], "train_test_split(a['data'], a['target'], test_size=0.2), where a = np.load('set.npz')"),
        (["X", "y"], "split X and y into both parts"),
        (["x_train", "y_train", "x_val", "y_val"], "has no x_test, y_test: save x_val, y_val as x_test and y_test"),
        (["x_train", "y_train", "x_test"], "has no y_test: it has x_train, y_train, x_test; rename them with np.savez"),
        (["x_train", "y_train"], "has no x_test, y_test: it has x_train, y_train; rename"),
        (["arr_0", "arr_1", "arr_2", "arr_3"], "has no x_train, y_train, x_test, y_test: it has arr_0, arr_1, arr_2,"),
        (["a\nb", "c" * 100], f"it has a b, {'c' * 40}; rename"),
        ([f"n{number}" for number in range(10)], "n7 and 2 more; rename"),
        ([], "it has no arrays; rename"),
        ([*SPELLINGS[2], "X_train"], "has train_images, X_train, which may be the same: keep one of them"),
    ],
)
def test_other_names_are_refused_with_the_remedy(names: list[str], message: str) -> None:
    with pytest.raises(DataError) as failure:
        find_arrays(FILE, names)
    assert str(failure.value).startswith("folder/set.npz has ")
    assert message in str(failure.value)
    assert "\n" not in str(failure.value)


def test_images_and_labels_are_told_apart_in_every_order() -> None:
    for order in itertools.permutations(SPELLINGS[1]):
        assert find_arrays(FILE, order)["y_test"] == "y_test"
