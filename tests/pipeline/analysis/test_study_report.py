"""The report says what the study's tables say, asks for nothing from outside, and escapes what comes from there."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.depth import depth_table, group_table
from pipeline.analysis.figures.study_figures import write_figures
from pipeline.analysis.reports.study_report import Facts, write_report
from pipeline.analysis.statistics import LEVELS, Histories

GROUPS = {"conv1": "early", "conv2": "middle", "conv3": "later", "fc": ""}


@pytest.fixture
def report(histories: Callable[..., Histories], tmp_path: Path) -> Callable[..., str]:
    """Return a maker of reports, as text, of AlexNet on FMNIST; seed 1 stops early."""

    def make(
        layers: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table,
        levels: pd.DataFrame | None = None,
        **changed: object,
    ) -> str:
        made = histories({0: 4, 1: 3, 7: 4}, GROUPS)
        known = made.levels if levels is None else levels
        made = Histories(made.scalars, layers(made.layers.copy()), known)
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
        write_figures(made, tmp_path / "figures", title="AlexNet-FMNIST", asked=3)
        write_report(Facts(**facts | changed), made, tmp_path)
        return (tmp_path / "report.html").read_text()

    return make


def test_it_says_what_was_measured(report: Callable[..., str]) -> None:
    text = report()
    assert "<b>56.33 %</b>, 95 % interval" in " ".join(text.split())
    assert "The paper reports 89.5 %" in text
    assert "this study was asked for 4" in text
    assert "epochs 1 to 3, which all seeds ran; 2 of 3 seeds ran longer" in text
    assert "early changes less than middle" in text
    assert text.count("c0ffee-dirty") == 1  # all seeds have it in common
    assert [text.count(f"machine {number}") for number in (1, 2)] == [1, 2]
    assert "d1ge57" in text
    assert text.count("data:image/png;base64,") == 4


def test_levels_are_shown_beside_what_was_measured(report: Callable[..., str]) -> None:
    assert "trained before levels were measured" in report()
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


def test_it_asks_for_nothing_outside_itself(report: Callable[..., str]) -> None:
    text = report()
    assert 'src="data:image/png;base64,' in text
    assert not re.search(r"""(src|href)=["'](?!data:)|url\(|@import|<script|<link""", text)


def test_text_from_outside_is_escaped(report: Callable[..., str]) -> None:
    evil = "<script>alert(1)</script>"

    def renamed(layers: pd.DataFrame) -> pd.DataFrame:
        layers["layer"] = layers["layer"].replace("fc", evil)
        layers.loc[layers["layer"] == evil, "value"] = np.nan
        return layers

    provenance = [{evil: evil, "commit": f"{evil}{seed}"} for seed in (0, 1, 7)]
    text = report(renamed, name=evil, dataset=evil, settings={"epochs": evil}, provenance=provenance)
    assert "<script" not in text
    assert text.count("&lt;script&gt;") > 5


def test_missing_seeds_and_what_is_undefined_are_named(report: Callable[..., str]) -> None:
    def holed(layers: pd.DataFrame) -> pd.DataFrame:
        layers.loc[(layers["layer"] == "fc") & (layers["metric"] == "rwc"), "value"] = np.nan
        return layers

    text = report(holed, asked=(0, 1, 7, 9))
    assert "Seeds that did not finish: 9." in text
    assert "rwc is undefined 11 times, as all weights were zero before the epoch: fc." in text


def test_groups_are_paired_by_seed(histories: Callable[..., Histories]) -> None:
    made = histories({0: 2, 1: 2, 7: 2}, GROUPS)
    factor = {0: 1.0, 1: 5.0, 7: 25.0}
    layers = made.layers.assign(value=made.layers["value"] - 0.01 * made.layers["seed"])
    layers["value"] *= layers["seed"].map(factor)
    table = group_table(Histories(made.scalars, layers))
    row = table[(table["measured by"] == "rwc") & (table["what"] == "later / early")].iloc[0]
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((3, 3, 3)), "seeds differ, their ratios do not"
    assert (row["p"], row["n"]) == (2 / 2**3, 3)


def test_depth_with_and_without_size(histories: Callable[..., Histories]) -> None:
    made = histories({0: 2, 1: 2, 7: 2}, GROUPS)
    sizes = made.layers[made.layers["metric"] == "rwc"].assign(metric="weights")
    sizes["value"] = sizes["layer"].map({"conv1": 10.0, "conv2": 1000.0, "conv3": 10.0, "fc": 1000.0})
    table = depth_table(Histories(made.scalars, pd.concat([made.layers, sizes])))
    rwc = table[table["measured by"] == "rwc"].set_index("what")
    assert rwc["mean"].to_dict() == pytest.approx({"depth": 1, "depth, given ln n": 1})
