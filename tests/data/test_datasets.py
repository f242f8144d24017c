"""The registered data sets: names, classes, augmentation, and unique names."""

import pytest

from data import DATASETS, DataSet, register
from data.datasets import plain


def test_the_paper_s_data_sets_and_digits_are_registered() -> None:
    assert {"CIFAR-10", "CIFAR-100", "FMNIST", "MNIST", "Digits"} <= set(DATASETS)
    assert DATASETS["FMNIST"].aliases == ("FashionMNIST",)


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_classes_have_names_of_their_own(dataset: DataSet) -> None:
    assert len(dataset.classes) == len(set(dataset.classes))


@pytest.mark.parametrize(
    ("name", "classes", "padding", "flip"),
    [
        ("CIFAR-10", 10, 4, True),
        ("CIFAR-100", 100, 4, True),
        ("FMNIST", 10, 0, True),
        ("MNIST", 10, 0, False),
        ("Digits", 10, 0, False),
    ],
)
def test_classes_and_augmentation_are_the_paper_s(name: str, classes: int, padding: int, flip: bool) -> None:
    dataset = DATASETS[name]
    assert (len(dataset.classes), dataset.padding, dataset.flip) == (classes, padding, flip)


@pytest.mark.parametrize("name", ["CIFAR-10", "cifar_10", "mnist", "fashion-mnist", "FashionMNIST", "DIGITS"])
def test_a_registered_name_is_refused_in_every_spelling(name: str) -> None:
    before = dict(DATASETS)
    for taken in (
        DataSet(name=name, find=lambda _: [], read=lambda _: None),
        DataSet(name="new", aliases=(name,), find=lambda _: [], read=lambda _: None),
    ):
        with pytest.raises(ValueError, match=f"{name} is registered twice"):
            register(taken)
    assert before == DATASETS


@pytest.mark.parametrize("spelling", ["CIFAR-10", "cifar10", "Cifar_10", "CIFAR10"])
def test_names_are_compared_without_case_and_dashes(spelling: str) -> None:
    assert plain(spelling) == "cifar10"
