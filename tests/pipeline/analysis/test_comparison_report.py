"""compare.html opens with an answer, draws in the page, folds its tables, and escapes names from outside."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.averages import FEW_SEEDS
from pipeline.analysis.comparison import Compared
from pipeline.analysis.reports.comparison_report import write_comparison

Page = Callable[..., str]
FIVE = tuple(range(5))


@pytest.fixture
def page(tmp_path: Path) -> Page:
    """Return a maker of pages, as text."""

    def make(*studies: Compared, folder: Path = tmp_path) -> str:
        write_comparison(studies, folder)
        return (folder / "compare.html").read_text()

    return make


def test_page_is_self_contained_and_escapes_names(
    compared: Callable[..., Compared], page: Page, tmp_path: Path
) -> None:
    evil = "<script>alert(1)</script>"
    made = compared("FMNIST")
    text = page(replace(made, run_id=evil, label=evil, dataset=evil, paper={}), made)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not re.search(r"""(src|href)=["']|url\(|@import|<link""", text), "pictures are drawn in the page"
    figures = {"accuracies", "rwc_by_model", "rwc_by_dataset"}
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        f"{f}.{e}" for f in figures for e in ("png", "svg")
    }
    assert {path.name for path in (tmp_path / "tables").iterdir()} == {
        "accuracies.csv", "claims.csv", "claims_between.csv",
    }  # fmt: skip
    assert len(pd.read_csv(tmp_path / "tables" / "accuracies.csv")) == 13


def test_page_opens_with_its_sentences_and_folds_its_tables(compared: Callable[..., Compared], page: Page) -> None:
    text = page(compared("FMNIST", 2), compared("MNIST"))
    said = re.search('<ul class="answer">\n<li>(.*?)</li>', text)
    assert said
    assert said[1] == "Compared are VGG19-FMNIST (3 seeds, 3 epochs); VGG19-MNIST (3 seeds, 4 epochs)."
    assert text.index('class="answer"') < text.index("<h2>")
    assert text.count("<table>") == 6
    assert "<table>" not in re.sub("<details>.*?</details>", "", text, flags=re.DOTALL)


def test_few_seeds_have_ranges_and_neither_intervals_nor_p(
    compared: Callable[..., Compared], page: Page, tmp_path: Path
) -> None:
    text = page(compared("FMNIST", 2), compared("MNIST"))
    assert FEW_SEEDS in text
    assert "95 % interval" not in text.replace("Student's 95 % interval", "").replace("Student&#39;s 95 % interval", "")
    assert not re.search("<th[^>]*>p[ <]", text)
    for name in ("accuracies", "claims", "claims_between"):
        rows = pd.read_csv(tmp_path / "tables" / f"{name}.csv")
        assert rows[["low", "high", *({"p", "p_holm", "alike_p"} & set(rows))]].isna().all(axis=None)
        assert rows.loc[rows["n"] > 0, ["lowest", "highest"]].notna().all(axis=None)


def test_five_seeds_have_intervals(compared: Callable[..., Compared], page: Page) -> None:
    text = page(compared("FMNIST", 2, seeds=FIVE), compared("MNIST", seeds=FIVE))
    assert FEW_SEEDS not in text
    assert "thick: 95 % interval of the mean, from 5 seeds on" in text
    assert re.search("<th[^>]*>p \\(Holm\\)", text)


def test_lines_are_studies_and_points_layers(compared: Callable[..., Compared], page: Page) -> None:
    text = page(compared("FMNIST", 2), compared("MNIST"))
    seeds = [np.exp(np.mean([np.log(2 / epoch + 0.01 * seed) for epoch in (2, 3, 4)])) for seed in range(3)]
    told = " · ".join(f"seed {seed} {value:.3g}" for seed, value in enumerate(seeds))
    mean = np.exp(np.mean(np.log(seeds)))
    assert f"<title>VGG19-MNIST · features.3 · mean {mean:.3g} · {told}</title>" in text
    assert "<title>VGG19-MNIST · seed 2</title>" in text


def test_data_sets_of_one_network_share_a_panel_and_have_one_each_below(
    compared: Callable[..., Compared], page: Page, tmp_path: Path
) -> None:
    studies = [compared("FMNIST"), compared("MNIST")]
    text = page(*studies)
    assert text.index("<figcaption>VGG19.") < text.index("The same, by data set") < text.index("<figcaption>FMNIST.")
    models = [replace(study, model=model, dataset="MNIST") for study, model in zip(studies, "ab", strict=True)]
    of_two = page(*models, folder=tmp_path / "two")
    assert of_two.index("<figcaption>MNIST.") < of_two.index("The same, by network") < of_two.index("<figcaption>a.")
    assert "The same, by" not in page(studies[0], folder=tmp_path / "one")


def test_pairs_that_are_left_out_are_named_with_the_reason(compared: Callable[..., Compared], page: Page) -> None:
    text = page(compared("FMNIST", lr="0.01"), compared("MNIST"))
    left_out = text[text.index("What is left out") :]
    why = "left out, as the settings of VGG19-MNIST and VGG19-FMNIST differ: lr 0.05 and 0.01."
    assert f"<li>VGG19: changes less on MNIST than on FMNIST: {why}</li>" in left_out
    assert "Of the paper&#39;s studies 10 were not run; 19 claims about two studies cannot be tested" in left_out


def test_a_study_that_has_not_learned_is_named(compared: Callable[..., Compared], page: Page) -> None:
    made = compared("MNIST")
    made.histories.scalars["train_loss"][:] = 2.3
    text = page(made)
    assert "<li>VGG19-MNIST gives no verdicts: the training loss of seed 0, 1, 2 has not moved" in text
