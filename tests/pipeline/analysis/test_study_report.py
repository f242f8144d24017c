"""The report shows what the tables hold, is self-contained, and escapes names from outside."""

import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.reports.study_report import Facts, shared_levels, write_report
from pipeline.analysis.statistics import Histories
from pipeline.analysis.study_tables import study_tables
from pipeline.tracking.tables import LEVELS
from tests.support.measurements import with_layers

SAID = ("AlexNet was trained.", "It is <b>so</b>.")
GROUPS = {"conv1": "early", "conv2": "middle", "conv3": "later", "fc": ""}
PICTURES = ("accuracy_loss", "rwc_early_middle_later", "rwc_heatmap", "rwc_layers")


@pytest.fixture
def report(histories: Callable[..., Histories], tmp_path: Path) -> Callable[..., str]:
    """Return a maker of reports, as text, of AlexNet on FMNIST; seed 1 stops early."""

    def make(change: Callable[[Histories], Histories] = lambda made: made, **changed: object) -> str:
        made = change(histories({0: 4, 1: 3, 7: 4}, GROUPS))
        facts = {
            "name": "AlexNet-FMNIST",
            "run_id": "0123abc",
            "model": "AlexNet",
            "dataset": "FMNIST",
            "digest": "d1ge57",
            "asked": (0, 1, 7),
            "settings": {"epochs": "4", "lr": "0.1"},
            "runs": [{"seed": str(seed)} for seed in (0, 1, 7)],
            "provenance": [{"commit": "c0ffee-dirty", "machine": f"machine {number}"} for number in (1, 2, 2)],
        }
        (tmp_path / "figures").mkdir(exist_ok=True)
        for name in PICTURES:
            (tmp_path / "figures" / f"{name}.png").write_bytes(name.encode())
        facts |= changed
        tables = study_tables(made, model=facts["model"], dataset=facts["dataset"])
        write_report(Facts(**facts), made, tables, SAID, tmp_path)
        return (tmp_path / "report.html").read_text()

    return make


def holed(made: Histories) -> Histories:
    """Return histories in which RWC of the last layer is undefined."""
    made.layers["rwc"][:, 3] = np.nan
    return made


def test_report_links_the_pictures_of_a_kind_with_more_than_three(report: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    for place in range(4):
        (tmp_path / "figures" / f"rwc_elementwise_g{place}.png").write_bytes(b"")
    text = report()
    assert text.count('src="data:image/png;base64,') == 1, "the heat map"
    assert re.findall(r'href="figures/([^"]*)"', text) == [f"rwc_elementwise_g{place}.png" for place in range(4)]


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


def test_line_figures_are_drawn_in_the_page_and_the_others_are_pictures(report: Callable[..., str]) -> None:
    text = report()
    pictures = re.findall(r'src="data:image/png;base64,([^"]*)"', text)
    assert [b64decode(picture).decode() for picture in pictures] == ["rwc_heatmap"]
    assert re.findall(r'<b>([^<]*)</b> · ([^<]*?) ·', text)[:4] == [
        ("conv1", "early"), ("conv2", "middle"), ("conv3", "later"), ("fc", "no group"),
    ]  # fmt: skip
    assert "<title>conv1 · early · epoch 2 · mean 0.527 · seed 0 0.5 · seed 1 0.51 · seed 7 0.57</title>" in text


def test_tables_are_folded(report: Callable[..., str]) -> None:
    text = report()
    unfolded = re.sub("<details>.*?</details>", "", text, flags=re.DOTALL)
    assert text.count("<table>") > 3
    assert "<table>" not in unfolded


def test_few_seeds_are_told_in_words(report: Callable[..., str]) -> None:
    assert "above 1 in all; a verdict needs 5 seeds" in report()


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
    assert '<tr><td>level</td><td></td><td class="n">0.5</td>' in text
    mean = np.mean([1 / 4, 1 / 3 + 0.01, 1 / 4 + 0.07])  # of each seed's last epoch
    assert f'<td>conv1</td><td></td><td class="n">{mean:.3g}</td>' in text
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
