"""Several studies side by side: labels, and accuracies next to the paper's."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from pipeline.analysis.comparison import Compared, accuracy_table, labels


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
    assert (ran["lowest"], ran["highest"]) == (53, 55)
    assert ran[["low", "high"]].isna().all(), "three seeds have no interval"
    assert table.iloc[1]["remarks"] == "2 of 5 seeds; 4 of 150 epochs; lr 0.1, not 0.05; pretrained True, not false"
    twenty = compared("MNIST")
    (remark,) = accuracy_table([replace(twenty, paper=twenty.paper | {"epochs": "20"})]).head(1)["remarks"]
    assert remark == "3 of 5 seeds; 4 of 20 epochs"
    (five,) = accuracy_table([compared("MNIST", seeds=tuple(range(5)))]).head(1).to_dict("records")
    assert (five["low"] + five["high"]) / 2 == pytest.approx(five["test_acc"])
    assert five["low"] < five["test_acc"]
    others = table.iloc[2:]
    assert len(others) == 10
    assert set(others["remarks"]) == {"not run"}
    assert others["test_acc"].isna().all()
