"""Several studies side by side: labels, accuracies next to the paper's, claims about two data sets."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from pipeline.analysis.comparison import Compared, accuracy_table, claims_between, labels


def test_labels_of_studies_with_one_name_have_the_settings_or_the_id_that_differ() -> None:
    one, other = {"lr": "0.1", "epochs": "4"}, {"lr": "0.01", "epochs": "4"}
    assert labels([("a", "X-MNIST", one), ("b", "X-FMNIST", other)]) == ["X-MNIST", "X-FMNIST"]
    assert labels([("a", "X-MNIST", one), ("b", "X-MNIST", other)]) == ["X-MNIST lr=0.1", "X-MNIST lr=0.01"]
    twins = [("0123456789", "X-MNIST", one), ("abcdefghij", "X-MNIST", one)]
    assert labels(twins) == ["X-MNIST 01234567", "X-MNIST abcdefgh"]


def test_accuracy_table_has_the_paper_s_values_and_cells_not_run(
    compared: Callable[..., Compared],
) -> None:
    table = accuracy_table(
        [compared("FMNIST"), compared("MNIST", lr="0.1", pretrained="True", val_split="0.0", seeds=(0, 1))]
    )
    ran = table.iloc[0]
    assert (ran["test_acc"], ran["n"], ran["paper"]) == (54, 3, 91.6)  # 53, 54, 55 at the last epoch
    assert ran["difference"] == pytest.approx(54 - 91.6)
    assert ran["remarks"] == "3 of 5 seeds; 3 of 150 epochs"
    assert table.iloc[1]["remarks"] == "2 of 5 seeds; 4 of 150 epochs; lr 0.1, not 0.05; pretrained True, not false"
    twenty = compared("MNIST")
    (remark,) = accuracy_table([replace(twenty, paper=twenty.paper | {"epochs": "20"})]).head(1)["remarks"]
    assert remark == "3 of 5 seeds; 4 of 20 epochs"
    others = table.iloc[2:]
    assert len(others) == 10
    assert set(others["remarks"]) == {"not run"}
    assert others["test_acc"].isna().all()


def test_claims_between_compares_the_epochs_of_both_studies(compared: Callable[..., Compared]) -> None:
    table = claims_between([compared("FMNIST", 2), compared("MNIST"), compared("CIFAR-10")]).set_index("claim")
    vgg = table.loc["VGG19: MNIST changes less than FMNIST"]
    assert set(vgg["measured by"]) == {"rwc", "rwc_elementwise"}
    row = vgg[vgg["measured by"] == "rwc"].iloc[0]
    assert (row["ratio"], row["low"], row["high"]) == pytest.approx((2, 2, 2)), "over the epochs that both ran"
    assert (row["verdict"], row["n"], row["last"], row["p"]) == ("holds", 3, 3, 0.25)
    assert (row["less"], row["more"]) == ("VGG19-MNIST", "VGG19-FMNIST")
    for claim in ("ResNet18: MNIST changes less than FMNIST", "VGG19: CIFAR-10 changes less than CIFAR-100"):
        assert table.loc[claim, "verdict"] == "not run"
    reversed_ = claims_between([compared("FMNIST", 0.5), compared("MNIST")]).set_index("claim")
    assert set(reversed_.loc["VGG19: MNIST changes less than FMNIST", "verdict"]) == {"does not hold"}


def test_claims_between_pairs_the_seeds_of_both_studies(compared: Callable[..., Compared]) -> None:
    table = claims_between([compared("FMNIST", 2, seeds=(0, 1, 9)), compared("MNIST", seeds=(0, 1, 2))])
    row = table[table["measured by"] == "rwc"].iloc[0]
    assert (row["n"], row["verdict"]) == (2, "cannot tell")
