"""Several studies beside each other: labels, accuracies, claims about two data sets, figures, the page."""

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.claims_between import claims_between
from pipeline.analysis.comparison import Compared, accuracy_table, labels
from pipeline.analysis.figures.comparison_figures import accuracy_figure, depth_figure
from pipeline.analysis.paper import SETTINGS
from pipeline.analysis.reports.comparison_page import write_comparison
from pipeline.analysis.statistics import Histories

GROUPS = {"features.0": "early", "features.3": "middle", "classifier": ""}
PAPER = {"lr": "0.05", "weight_decay": "0.0005"} | SETTINGS


@pytest.fixture
def compared(histories: Callable[..., Histories]) -> Callable[..., Compared]:
    """Return a maker of VGG19's studies of 3 seeds, whose changes are multiplied by a factor."""

    def make(dataset: str, factor: float = 1, *, seeds: tuple[int, ...] = (0, 1, 2), **changed: str) -> Compared:
        made = histories(dict.fromkeys(seeds, 3 + (dataset == "MNIST")), GROUPS)
        made = Histories(made.scalars, made.layers.assign(value=factor * made.layers["value"]))
        settings = SETTINGS | {"lr": "0.05", "weight_decay": "5e-4", "seeds": "0,1,2", "epochs": "3"} | changed
        return Compared(f"id-{dataset}", f"VGG19-{dataset}", "VGG19", dataset, settings, PAPER, made)

    return make


def test_labels_say_what_differs_where_names_do_not() -> None:
    one, other = {"lr": "0.1", "epochs": "4"}, {"lr": "0.01", "epochs": "4"}
    assert labels([("a", "X-MNIST", one), ("b", "X-FMNIST", other)]) == ["X-MNIST", "X-FMNIST"]
    assert labels([("a", "X-MNIST", one), ("b", "X-MNIST", other)]) == ["X-MNIST lr=0.1", "X-MNIST lr=0.01"]
    twins = [("0123456789", "X-MNIST", one), ("abcdefghij", "X-MNIST", one)]
    assert labels(twins) == ["X-MNIST 01234567", "X-MNIST abcdefgh"]


def test_accuracies_beside_the_paper_s_and_cells_not_run(compared: Callable[..., Compared]) -> None:
    table = accuracy_table(
        [compared("FMNIST"), compared("MNIST", lr="0.1", pretrained="True", val_split="0.0", seeds=(0, 1))]
    )
    ran = table.iloc[0]
    assert (ran["test_acc"], ran["n"], ran["paper"]) == (54, 3, 91.6)  # 53, 54, 55 at the last epoch
    assert ran["difference"] == pytest.approx(54 - 91.6)
    assert ran["remarks"] == "3 of 5 seeds; 3 of 150 epochs"
    assert table.iloc[1]["remarks"] == "2 of 5 seeds; 4 of 150 epochs; lr 0.1, not 0.05; pretrained True, not false"
    others = table.iloc[2:]
    assert len(others) == 10
    assert set(others["remarks"]) == {"not run"}
    assert others["test_acc"].isna().all()


def test_claims_about_two_data_sets(compared: Callable[..., Compared]) -> None:
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


def test_only_seeds_of_both_are_paired(compared: Callable[..., Compared]) -> None:
    table = claims_between([compared("FMNIST", 2, seeds=(0, 1, 9)), compared("MNIST", seeds=(0, 1, 2))])
    row = table[table["measured by"] == "rwc"].iloc[0]
    assert (row["n"], row["verdict"]) == (2, "cannot tell")


def test_depth_goes_from_0_to_1(compared: Callable[..., Compared]) -> None:
    studies = [compared("FMNIST"), compared("MNIST")]
    (axes,) = depth_figure(studies, lambda study: study.model).axes
    bold = [line for line in axes.lines if line.get_marker() == "o"]
    assert [list(line.get_xdata()) for line in bold] == 2 * [[0, 0.5, 1]]
    first = [math.exp(np.mean([math.log(1 / epoch + 0.01 * seed) for epoch in (1, 2, 3)])) for seed in (0, 1, 2)]
    assert bold[0].get_ydata()[0] == pytest.approx(np.exp(np.mean(np.log(first))))
    assert len(axes.lines) == 2 * (3 + 1)
    assert len(depth_figure(studies, lambda study: study.dataset).axes) == 2


def test_the_accuracy_figure_has_a_row_a_cell(compared: Callable[..., Compared]) -> None:
    (axes,) = accuracy_figure(accuracy_table([compared("FMNIST")])).axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert len(names) == 12
    assert "VGG19-FMNIST\n3 of 5 seeds; 3 of 150 epochs" in names
    assert sum(name.endswith("not run") for name in names) == 11


def test_the_page_escapes_and_asks_for_nothing(compared: Callable[..., Compared], tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    made = compared("FMNIST")
    write_comparison([Compared(evil, evil, "VGG19", evil, made.settings, {}, made.histories), made], tmp_path)
    text = (tmp_path / "compare.html").read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not re.search(r"""(src|href)=["'](?!data:)|url\(|@import|<link""", text)
    assert text.count("data:image/png;base64,") == 3
    assert {path.name for path in (tmp_path / "tables").iterdir()} == {
        "accuracies.csv", "claims.csv", "claims_between.csv",
    }  # fmt: skip
    assert len(pd.read_csv(tmp_path / "tables" / "accuracies.csv")) == 13
