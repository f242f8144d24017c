"""The report shows what the tables hold, is self-contained, and escapes names from outside."""

import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.reports.study_report import Facts, write_report
from pipeline.analysis.statistics import Histories
from pipeline.tracking.tables import LEVELS

GROUPS = {"conv1": "early", "conv2": "middle", "conv3": "later", "fc": ""}
PICTURES = ("accuracy_loss", "rwc_early_middle_later", "rwc_heatmap", "rwc_layers")


@pytest.fixture
def report(histories: Callable[..., Histories], tmp_path: Path) -> Callable[..., str]:
    """Return a maker of reports, as text, of AlexNet on FMNIST; seed 1 stops early."""

    def make(
        layers: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table,
        levels: pd.DataFrame | None = None,
        **changed: object,
    ) -> str:
        made = histories({0: 4, 1: 3, 7: 4}, GROUPS)
        made = replace(made, layers=layers(made.layers.copy()), levels=made.levels if levels is None else levels)
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
        write_report(Facts(**facts | changed), made, tmp_path)
        return (tmp_path / "report.html").read_text()

    return make


def test_report_shows_accuracies_verdicts_and_provenance(report: Callable[..., str]) -> None:
    text = report()
    assert "<b>56.33 %</b>, 95 % interval" in " ".join(text.split())
    assert "The paper reports 89.5 %" in text
    assert "this study was asked for 4" in text
    assert "epochs 1 to 3, which all seeds ran; 2 of 3 seeds ran longer" in text
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


def test_layers_with_a_level_are_shown_relative_to_it(report: Callable[..., str]) -> None:
    assert "No layer of this network has an equilibrium level" in report()
    others = [(layer, group, False, *3 * [np.nan]) for layer, group in GROUPS.items() if layer != "conv1"]
    levels = pd.DataFrame([("conv1", "early", True, 0.1, 0.5, 77), *others], columns=LEVELS)
    text = " ".join(report(levels=levels).split())
    assert "expected from epoch 77, which not all seeds reached: the numbers are of epoch 3" in text
    assert "<td>conv1</td>" in text
    levels["epoch"] = levels["epoch"].replace(77, 2)
    text = " ".join(report(levels=levels).split())
    assert "the numbers are means over epochs 2 to 3" in text
    ratio = np.mean([(1 / 2 + 1 / 3) / 2 + 0.01 * seed for seed in (0, 1, 7)]) / 0.5
    assert f'<td>conv1</td><td class="n">{ratio:.3g}</td>' in text
    assert "step angle / level" not in text  # no step was measured


def test_report_is_self_contained(report: Callable[..., str]) -> None:
    text = report()
    assert not re.search(r"""(src|href)=["'](?!data:)|url\(|@import|<script|<link""", text)


def test_names_from_outside_are_escaped(report: Callable[..., str]) -> None:
    evil = "<script>alert(1)</script>"

    def renamed(layers: pd.DataFrame) -> pd.DataFrame:
        layers["layer"] = layers["layer"].replace("fc", evil)
        layers.loc[layers["layer"] == evil, "value"] = np.nan
        return layers

    provenance = [{evil: evil, "commit": f"{evil}{seed}"} for seed in (0, 1, 7)]
    text = report(renamed, name=evil, dataset=evil, settings={"epochs": evil}, provenance=provenance)
    assert "<script" not in text
    assert text.count("&lt;script&gt;") > 5


def test_missing_seeds_and_undefined_measurements_are_named(report: Callable[..., str]) -> None:
    def holed(layers: pd.DataFrame) -> pd.DataFrame:
        layers.loc[(layers["layer"] == "fc") & (layers["metric"] == "rwc"), "value"] = np.nan
        return layers

    text = report(holed, asked=(0, 1, 7, 9))
    assert "Seeds that did not finish: 9." in text
    assert "rwc is undefined 11 times, because all weights were zero before the epoch: fc." in text
