"""Claims about two studies: pairs of equal settings, reasons for those left out, and one family for the page."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.comparison import Compared
from pipeline.analysis.inference import holm
from pipeline.analysis.page_claims import page_of_claims, pair_for
from pipeline.analysis.paper_claims import CLAIMS_BETWEEN, ClaimBetween

FIVE = tuple(range(5))
MNIST_FMNIST = "VGG19: changes less on MNIST than on FMNIST"
CIFAR = "VGG19: middle / later is smaller on CIFAR-100 than on CIFAR-10"
Make = Callable[..., Compared]


@pytest.fixture
def noisy(compared: Make) -> Make:
    """Return a maker of studies of five seeds with noise between seeds; `later` multiplies the changes of its group."""

    def make(dataset: str, factor: float = 1, *, later: float = 1, model: str = "VGG19", **given: object) -> Compared:
        study = compared(dataset, factor, **{"seeds": FIVE} | given)
        draws = np.random.default_rng([len(dataset), len(model)])
        for metric, values in study.histories.layers.items():
            values *= np.exp(0.01 * draws.standard_normal(values.shape))
            values[:, 2] *= 1 if metric == "weights" else later
        return replace(study, model=model, label=f"{model}-{dataset}")

    return make


def primary(table: pd.DataFrame, claim: str) -> pd.Series:
    (row,) = table[table["primary"] & (table["claim"] == claim)].to_dict("records")
    return pd.Series(row)


def test_all_layers_are_compared_over_the_epochs_of_both_studies(noisy: Make) -> None:
    _within, between = page_of_claims([noisy("FMNIST", 2), noisy("MNIST")])
    row = primary(between, MNIST_FMNIST)
    assert row["ratio"] == pytest.approx(2, rel=0.02)
    assert (row["outcome"], row["n"], row["first"], row["last"]) == ("holds", 5, 2, 3)
    assert (row["less"], row["more"], row["ratio of"]) == ("VGG19-MNIST", "VGG19-FMNIST", "FMNIST / MNIST")
    _within, turned = page_of_claims([noisy("FMNIST", 0.5), noisy("MNIST")])
    assert primary(turned, MNIST_FMNIST)["outcome"] == "the reverse"


def test_a_difference_of_differences_compares_ratios_of_groups(noisy: Make) -> None:
    """Later layers change 1.5 times as much on CIFAR-100 only, whatever the change of all."""
    _within, between = page_of_claims([noisy("CIFAR-10", 9), noisy("CIFAR-100", later=1.5)])
    row = primary(between, CIFAR)
    assert row["ratio"] == pytest.approx(1.5, rel=0.02)
    assert (row["outcome"], row["number"]) == ("holds", 4)


def test_depth_and_difficulty_interact_in_claim_7(noisy: Make) -> None:
    claim = "VGG19: later / middle is smaller on FMNIST than on CIFAR-100"
    _within, between = page_of_claims([noisy("FMNIST"), noisy("CIFAR-100", later=1.5)])
    row = primary(between, claim)
    assert (row["outcome"], row["number"]) == ("holds", 7)


def test_networks_are_alike_in_claim_8(noisy: Make) -> None:
    claim = "MNIST: change grows with depth in VGG19 as in ResNet18"
    alike = page_of_claims([noisy("MNIST"), noisy("MNIST", 3, model="ResNet18")])[1]
    assert primary(alike, claim)["outcome"] == "holds"
    differ = page_of_claims([noisy("MNIST"), noisy("MNIST", later=3, model="ResNet18")])[1]
    assert primary(differ, claim)["outcome"] == "the reverse"


def test_missing_studies_are_named(noisy: Make) -> None:
    _within, between = page_of_claims([noisy("MNIST")])
    row = primary(between, MNIST_FMNIST)
    assert (row["outcome"], row["reason"], row["n"]) == ("no verdict", "not run: VGG19 on FMNIST", 0)
    assert len(between[between["primary"]]) == len(CLAIMS_BETWEEN)


def test_studies_of_the_paper_s_own_lengths_are_compared(noisy: Make) -> None:
    """MNIST runs all its epochs, CIFAR-10 stops at 94 %."""
    claim = next(c for c in CLAIMS_BETWEEN if (c.less, c.more) == (("VGG19", "MNIST"), ("VGG19", "CIFAR-10")))
    studies = [noisy("MNIST", target_val_acc="none", epochs="20"), noisy("CIFAR-10", later=1.5, target_val_acc="94")]
    assert primary(page_of_claims(studies)[1], str(claim))["outcome"] == "holds"


def test_a_study_without_the_groups_of_a_claim_has_no_verdict_with_the_reason(noisy: Make) -> None:
    plain = noisy("CIFAR-100")
    ungrouped = dict.fromkeys(plain.histories.group_of, "")
    plain = replace(plain, histories=replace(plain.histories, group_of=ungrouped))
    row = primary(page_of_claims([noisy("CIFAR-10"), plain])[1], CIFAR)
    assert row["outcome"] == "no verdict"
    assert row["reason"] == "VGG19-CIFAR-100: no layer belongs to later and middle"


@pytest.mark.parametrize("changed", [{"lr": "0.01"}, {"precision": "bf16"}, {"batch_size": "64"}, {"momentum": "0"}])
def test_studies_of_different_settings_are_left_out_with_the_difference(noisy: Make, changed: dict[str, str]) -> None:
    _within, between = page_of_claims([noisy("FMNIST", 2, **changed), noisy("MNIST", precision="fp32")])
    row = primary(between, MNIST_FMNIST)
    assert row["outcome"] == "no verdict"
    assert row["reason"].startswith("left out, as the settings of VGG19-MNIST and VGG19-FMNIST differ")
    assert f"{next(iter(changed))} " in row["reason"]


def test_equal_settings_may_be_spelled_differently(noisy: Make) -> None:
    claim = ClaimBetween(6, ("VGG19", "MNIST"), ("VGG19", "FMNIST"))
    assert pair_for(claim, [noisy("FMNIST", lr="0.050"), noisy("MNIST", epochs="20")]).left_out == ""


def test_an_older_study_with_equal_settings_goes_before_a_newer_one_without(noisy: Make) -> None:
    claim = ClaimBetween(6, ("VGG19", "MNIST"), ("VGG19", "FMNIST"))
    older, newer = noisy("FMNIST"), noisy("FMNIST", lr="0.01")
    less, more, left_out = pair_for(claim, [older, newer, noisy("MNIST")])
    assert (less.dataset, more, left_out) == ("MNIST", older, "")


def test_seeds_of_both_studies_are_paired(noisy: Make) -> None:
    _within, between = page_of_claims([noisy("FMNIST", 2, seeds=(0, 1, 9, 10, 11)), noisy("MNIST")])
    row = primary(between, MNIST_FMNIST)
    assert (row["n"], row["outcome"]) == (2, "no verdict")


def test_a_study_that_has_not_learned_hinders_its_pairs(noisy: Make) -> None:
    stuck = noisy("FMNIST", 2)
    stuck.histories.scalars["train_loss"][:] = 2.3
    within, between = page_of_claims([stuck, noisy("MNIST")])
    assert primary(between, MNIST_FMNIST)["reason"].startswith("VGG19-FMNIST: the training loss of seed 0, 1, 2")
    assert set(within[within["primary"] & (within["study"] == "VGG19-FMNIST")]["outcome"]) == {"no verdict"}


def test_all_claims_of_the_page_are_one_family(noisy: Make) -> None:
    within, between = page_of_claims([noisy("FMNIST", 1.1), noisy("MNIST")])
    rows = pd.concat([within, between])
    tested = rows[rows["p_holm"].notna()]
    assert {"", *tested["study"].dropna()} == {"", "VGG19-FMNIST", "VGG19-MNIST"}
    assert len(tested) > 5
    assert tested["p_holm"].to_numpy() == pytest.approx((2 * holm(tested["p"].to_numpy())).clip(max=1))


def test_other_measurements_are_exploratory(noisy: Make) -> None:
    _within, between = page_of_claims([noisy("FMNIST", 2), noisy("MNIST")])
    others = between[(between["claim"] == MNIST_FMNIST) & ~between["primary"]]
    assert set(others["measured by"]) == {"rwc", "rwc_elementwise"}
    assert set(others["outcome"]) == {"exploratory"}
