"""The sentences that compare.html opens with, for synthetic pages of each kind."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pipeline.analysis.comparison import Compared
from pipeline.analysis.page_answer import page_answer
from pipeline.analysis.page_claims import page_of_claims

FIVE = tuple(range(5))
BETWEEN = "VGG19: changes less on MNIST than on FMNIST"
Make = Callable[..., Compared]


@pytest.fixture
def noisy(compared: Make) -> Make:
    """Return a maker of studies of five seeds with noise between seeds."""

    def make(dataset: str, factor: float = 1, *, noise: float = 0.01, **given: object) -> Compared:
        study = compared(dataset, factor, **{"seeds": FIVE} | given)
        draws = np.random.default_rng(len(dataset))
        of_seed = noise * draws.standard_normal((len(FIVE), 1, 1))
        layers = {
            metric: values * np.exp(of_seed + 0.01 * draws.standard_normal(values.shape))
            for metric, values in study.histories.layers.items()
        }
        return replace(study, histories=replace(study.histories, layers=layers))

    return make


def said(*studies: Compared) -> list[str]:
    sentences = page_answer(studies, *page_of_claims(studies))
    assert len(sentences) <= 8
    assert all(sentence.endswith(".") and "nan" not in sentence for sentence in sentences)
    return sentences


def test_studies_are_named_with_seeds_epochs_and_accuracies_the_highest_first(noisy: Make) -> None:
    sentences = said(noisy("FMNIST", 2), noisy("MNIST"))
    assert sentences[0] == "Compared are VGG19-FMNIST (5 seeds, 3 epochs); VGG19-MNIST (5 seeds, 4 epochs)."
    assert sentences[1] == (
        "Test accuracy, the highest first: "
        "VGG19-MNIST 56.0 % (95 % interval of the mean over 5 seeds: 54.0 to 58.0 %; the paper 98.5 %); "
        "VGG19-FMNIST 55.0 % (95 % interval of the mean over 5 seeds: 53.0 to 57.0 %; the paper 91.6 %)."
    )
    assert sentences[2].startswith(
        "What changed most in an epoch (RWC): in VGG19-FMNIST later, 2.9 x early (told apart);"
    )


def test_few_seeds_have_their_range_and_no_verdict(compared: Make) -> None:
    sentences = said(compared("FMNIST", 2), compared("MNIST"))
    assert "VGG19-MNIST 55.0 % (54.0 to 56.0 % in single seeds; the paper 98.5 %)" in sentences[1]
    assert "interval" not in " ".join(sentences)
    assert "(no verdict)" in sentences[2]
    assert sentences[3:] == [
        "No verdict in 9 cases: 7 for fewer than 5 seeds, 2 for other reasons, below; "
        "19 more are about studies that were not run."
    ]


@pytest.mark.parametrize(
    ("factor", "noise", "beginning"),
    [
        (3, 0.01, "What the paper claims holds in "),
        (0.5, 0.01, "The reverse of its claim is shown in "),
        (1.02, 0.001, "Both are alike, within 10 %, in "),
        (1.2, 0.3, "These seeds cannot tell in "),
    ],
)
def test_claims_are_named_by_their_outcome(noisy: Make, factor: float, noise: float, beginning: str) -> None:
    sentences = said(noisy("FMNIST", factor, noise=noise), noisy("MNIST"))
    (sentence,) = [sentence for sentence in sentences if BETWEEN in sentence]
    assert sentence.startswith(beginning)


def test_of_many_claims_four_are_named(noisy: Make) -> None:
    holds = said(noisy("FMNIST", 3), noisy("MNIST"))[3]
    assert holds.count("; ") == 4
    assert holds.endswith("; and 1 more, below.")


def test_pairs_of_other_settings_are_counted(compared: Make) -> None:
    last = said(compared("FMNIST", lr="0.01"), compared("MNIST"))[-1]
    assert "1 for settings that differ, 6 for fewer than 5 seeds" in last


def test_studies_that_the_paper_lacks_have_no_claims(compared: Make) -> None:
    own = replace(compared("MNIST"), model="own", dataset="Digits", label="own-Digits", paper={})
    sentences = said(own)
    assert sentences[0] == "There is one study: own-Digits (3 seeds, 4 epochs)."
    assert "paper" not in sentences[1]
    assert sentences[-1] == "The paper makes no claims about these studies alone; those about two studies need others."


def test_of_many_studies_four_are_named(compared: Make) -> None:
    studies = [replace(compared("MNIST"), label=f"study {number}") for number in range(6)]
    assert said(*studies)[0].endswith("study 3 (3 seeds, 4 epochs); and 2 more, below.")
