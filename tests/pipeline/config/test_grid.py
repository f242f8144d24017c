"""Lists of settings, into the settings of each study of a sweep."""

import pytest

from pipeline.config.grid import combinations
from pipeline.config.resolve import resolve
from pipeline.console.errors import BadInput


def test_every_combination_once_the_last_list_turning_fastest() -> None:
    made = combinations({"model_name": "alexnet,resnet18", "lr": "0.01, 0.1", "seeds": "1,2", "epochs": "3"})
    assert [(one.model_name, one.lr) for one in made] == [
        ("AlexNet", 0.01),
        ("AlexNet", 0.1),
        ("ResNet18", 0.01),
        ("ResNet18", 0.1),
    ]
    assert {one.seeds for one in made} == {(1, 2)}
    assert {one.epochs for one in made} == {3}


def test_without_lists_there_is_one_study() -> None:
    (one,) = combinations({"model_name": "VGG19"})
    assert one.model_name == "VGG19"


def test_the_paper_s_rate_is_that_of_each_model() -> None:
    assert [resolve(one).lr for one in combinations({"model_name": "ResNet18,VGG19"})] == [0.1, 0.05]


def test_paper_trains_each_study_as_long_as_the_paper_does() -> None:
    given = {"dataset": "CIFAR-100,MNIST", "model_name": "VGG19", "epochs": "paper", "target_val_acc": "paper,none"}
    made = [resolve(one) for one in combinations(given)]
    assert [(one.epochs, one.target_val_acc) for one in made] == [(150, 94), (150, None), (20, None), (20, None)]
    assert made[2].study_hash("digest") == made[3].study_hash("digest"), "a sweep refuses to run this one twice"


@pytest.mark.parametrize("name", ["jobs", "epochs"])
def test_what_changes_no_numbers_is_no_list(name: str) -> None:
    with pytest.raises(BadInput, match=rf"{name} must be a whole number of 1 or more.*; got '1,2'"):
        combinations({name: "1,2"})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lr": "0.1,fast"}, "lr must be a number greater than 0, or paper; got 'fast'"),
        ({"lr": "0.1,"}, "lr must be a number greater than 0, or paper; got ''"),
        ({"model_name": "ResNet18,AlexNet", "pretrained": "true"}, "pretrained must be false for AlexNet"),
    ],
)
def test_a_wrong_value_is_told_before_anything_runs(given: dict[str, str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        combinations(given)
