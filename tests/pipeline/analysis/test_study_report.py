"""The report shows what the tables hold, is self-contained, and escapes names from outside."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.averages import FEW_SEEDS
from pipeline.analysis.reports.report_columns import shared_levels
from pipeline.analysis.reports.study_report import Facts, write_report
from pipeline.analysis.statistics import Histories
from pipeline.analysis.study_tables import study_tables
from pipeline.tracking.tables import LEVELS
from tests.support.measurements import with_layers

SAID = ("AlexNet was trained.", "It is <b>so</b>.")
GROUPS = {"conv1": "early", "conv2": "middle", "conv3": "later", "fc": ""}


@pytest.fixture
def report(histories: Callable[..., Histories], tmp_path: Path) -> Callable[..., str]:
    """Return a maker of reports, as text, of AlexNet on FMNIST; seed 1 stops early."""

    def make(
        change: Callable[[Histories], Histories] = lambda made: made,
        seeds: Mapping[int, int] = MappingProxyType({0: 4, 1: 3, 7: 4}),
        **changed: object,
    ) -> str:
        made = change(histories(dict(seeds), GROUPS))
        facts = {
            "name": "AlexNet-FMNIST",
            "run_id": "0123abc",
            "model": "AlexNet",
            "dataset": "FMNIST",
            "digest": "d1ge57",
            "asked": tuple(seeds),
            "settings": {"epochs": "4", "lr": "0.1"},
            "runs": [{"seed": str(seed)} for seed in seeds],
            "provenance": [{"commit": "c0ffee-dirty", "machine": f"machine {1 + (seed > 0)}"} for seed in seeds],
        }
        facts |= changed
        tables = study_tables(made, model=facts["model"], dataset=facts["dataset"])
        write_report(Facts(**facts), made, tables, SAID, tmp_path)
        return (tmp_path / "report.html").read_text()

    return make


def holed(made: Histories) -> Histories:
    """Return histories in which RWC of the last layer is undefined."""
    made.layers["rwc"][:, 3] = np.nan
    return made


def test_levels_of_a_table_are_those_of_scale_invariant_layers() -> None:
    rows = [("straightness", True, 0.9), ("l2_change", True, 0.3), ("straightness", False, 1.0)]
    table = pd.DataFrame(rows, columns=["quantity", "scale_invariant", "level"])
    assert shared_levels(table) == {"straightness": 0.9, "l2_change": 0.3}


def test_report_shows_accuracies_verdicts_and_provenance(report: Callable[..., str]) -> None:
    text = report()
    assert "<li>AlexNet was trained.</li>\n<li>It is &lt;b&gt;so&lt;/b&gt;.</li>" in text
    assert "Seeds that ended before epoch 4: 1." in text
    assert "early changes less than middle" in text
    assert text.count("c0ffee-dirty") == 1  # all seeds have it in common
    assert [text.count(f"machine {number}") for number in (1, 2)] == [1, 2]
    assert "d1ge57" in text


def test_figures_are_drawn_in_the_page(report: Callable[..., str]) -> None:
    text = report()
    assert "<img" not in text
    assert re.findall(r'<b>([^<]*)</b> · ([^<]*?) ·', text)[:4] == [
        ("conv1", "early"), ("conv2", "middle"), ("conv3", "later"), ("fc", "no group"),
    ]  # fmt: skip
    assert "<title>conv1 · early · epoch 2 · mean 0.527 · seed 0 0.5 · seed 1 0.51 · seed 7 0.57</title>" in text


def test_tables_are_folded(report: Callable[..., str]) -> None:
    text = report()
    unfolded = re.sub("<details>.*?</details>", "", text, flags=re.DOTALL)
    assert text.count("<table>") > 3
    assert "<table>" not in unfolded


def test_few_seeds_are_told_in_words_without_interval_and_p(report: Callable[..., str]) -> None:
    text = report()
    assert "above 1 in all; a verdict needs 5 seeds" in text
    assert text.count(FEW_SEEDS) == 4, "groups, depth, claims, other measurements"
    headings = set(re.findall("<th[^>]*>([^<]*)</th>", text))
    assert {"lowest to highest seed", "seeds"} <= headings
    assert not [heading for heading in headings if "interval" in heading or heading.split()[0] == "p"]


def test_five_seeds_have_interval_and_p_beside_their_range(report: Callable[..., str]) -> None:
    text = report(seeds=dict.fromkeys((0, 1, 2, 5, 7), 4))
    assert FEW_SEEDS not in text
    headings = re.findall("<th[^>]*>([^<]*)</th>", text)
    assert {"lowest to highest seed", "95 % interval", "p", "p (Holm)", "p of the order"} <= set(headings)


def test_the_paper_s_form_is_drawn_beside_the_medians_of_its_figure(report: Callable[..., str]) -> None:
    text = report()
    assert "Dashed: the paper&#39;s median of early, 0.18; the paper&#39;s median of middle, 0.91;" in text
    assert "the paper&#39;s median" not in report(dataset="Digits")


def test_terms_of_the_elementwise_form_are_rows_of_bars(report: Callable[..., str]) -> None:
    def without_l2(made: Histories) -> Histories:
        del made.layers["l2_change"], made.measured["l2_change"]
        return made

    assert 'class="bar"' not in report(without_l2)
    text = report()
    assert text.count('class="line stacked"') == 3, "the layers in groups"
    assert text.count('class="bar"') == 3 * 4
    assert "size and shape (shape_factor B) x 0.55" in text, "B is 2, 4, 6: their geometric mean is 3.63"


def test_a_study_that_has_not_learned_is_marked(report: Callable[..., str]) -> None:
    def at_chance(made: Histories) -> Histories:
        made.scalars["train_loss"][:] = 2.3026
        return made

    text = report(at_chance)
    assert "<b>No verdicts:</b> the training loss of seed 0, 1, 7 has not moved" in text


def test_layers_with_a_level_are_shown_beside_it(report: Callable[..., str]) -> None:
    assert "No layer of this network has an equilibrium level" in report()
    others = [(layer, group, False, *3 * [np.nan]) for layer, group in GROUPS.items() if layer != "conv1"]
    levels = pd.DataFrame([("conv1", "early", True, 0.1, 0.5, 77), *others], columns=LEVELS)

    def with_l2(made: Histories) -> Histories:
        return replace(with_layers(made, l2_change=made.layers["rwc"]), levels=levels)

    text = " ".join(report(with_l2).split())
    assert '<tr><td>level</td><td class="n">0.5</td>' in text
    mean = np.mean([1 / 4, 1 / 3 + 0.01, 1 / 4 + 0.07])  # of each seed's last epoch
    spread = f"{1 / 4:.3g} to {1 / 3 + 0.01:.3g}"
    assert f'<td>conv1</td><td class="n">{mean:.3g}</td><td class="n">{spread}</td><td class="n">3</td>' in text
    assert "step_angle" not in text  # no step was measured


def test_report_is_self_contained(report: Callable[..., str]) -> None:
    text = report()
    assert not re.search(r"""(src|href)=["'](?!data:)|url\(|@import|<script|<link""", text)


def test_names_from_outside_are_escaped(report: Callable[..., str]) -> None:
    evil = "<script>alert(1)</script>"

    def renamed(made: Histories) -> Histories:
        return holed(replace(made, group_of={evil if layer == "fc" else layer: its for layer, its in GROUPS.items()}))

    provenance = [{evil: evil, "commit": f"{evil}{seed}"} for seed in (0, 1, 7)]
    text = report(renamed, name=evil, dataset=evil, settings={"epochs": evil}, provenance=provenance)
    assert "<script" not in text
    assert text.count("&lt;script&gt;") > 5


def test_missing_seeds_and_undefined_measurements_are_named(report: Callable[..., str]) -> None:
    text = report(holed, asked=(0, 1, 7, 9))
    assert "Seeds that did not finish: 9." in text
    assert "rwc is undefined 11 times, because all weights were zero before the epoch: fc." in text
