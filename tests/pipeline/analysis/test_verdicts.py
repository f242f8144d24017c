"""The rule of verdicts: four outcomes, no verdict under five seeds, and one family for Holm's correction."""

import math

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.inference import effects, holm
from pipeline.analysis.verdicts import decide

NOISE = np.array([-0.04, -0.02, 0.0, 0.02, 0.04])  # a deviation of 0.032


def decided(*ratios: float, noise: np.ndarray = NOISE, comparison: str = "<", **changed: object) -> pd.DataFrame:
    """Return the verdicts on claims whose seeds have a ratio with noise."""
    tests = effects(np.stack([math.log(ratio) + noise for ratio in ratios], axis=1))
    given = {"comparison": comparison, "primary": True, "hindered": ""} | changed
    return decide(tests.assign(**given))


@pytest.mark.parametrize(
    ("comparison", "ratio", "outcome"),
    [
        ("<", 1.3, "holds"),
        ("<", 0.75, "the reverse"),
        ("<", 1.0, "alike"),
        ("<", 1.1, "cannot tell"),
        ("~", 1.0, "holds"),
        ("~", 1.3, "the reverse"),
        ("~", 0.75, "the reverse"),
        ("~", 1.1, "cannot tell"),
    ],
)
def test_one_claim_has_one_of_four_outcomes(comparison: str, ratio: float, outcome: str) -> None:
    noise = 4 * NOISE if ratio == 1.1 else NOISE
    row = decided(ratio, noise=noise, comparison=comparison).iloc[0]
    assert row["outcome"] == outcome
    assert row["ratio"] == pytest.approx(ratio)
    assert row["low"] < ratio < row["high"]


def test_a_small_difference_that_is_certain_is_alike() -> None:
    row = decided(1.03, noise=NOISE / 20).iloc[0]
    assert row["p_holm"] < 0.001
    assert row["outcome"] == "alike"


@pytest.mark.parametrize("seeds", [1, 2, 3, 4])
def test_under_five_seeds_there_are_ranges_and_directions_in_words(seeds: int) -> None:
    row = decided(2.0, noise=NOISE[:seeds]).iloc[0]
    assert row["outcome"] == "no verdict"
    assert math.isnan(row["p_holm"])
    lowest, highest = 2 * math.exp(-0.04), 2 * math.exp(NOISE[seeds - 1])
    said = f"{seeds} seeds: {lowest:.3g} to {highest:.3g}, above 1 in all" if seeds > 1 else "one seed: 1.92"
    assert row["reason"] == f"{said}; a verdict needs 5 seeds"


def test_directions_in_words() -> None:
    rows = decided(0.5, 1.0, noise=NOISE[:4])
    assert ["below 1 in all" in rows["reason"][0], "on both sides of 1" in rows["reason"][1]] == [True, True]


def test_claims_of_a_family_are_corrected_together() -> None:
    alone, among = decided(1.08).iloc[0], decided(1.08, 1.0, 1.0, 1.0, 1.0).iloc[0]
    assert among["p_holm"] == pytest.approx(5 * alone["p_holm"])
    rows = decided(1.08, 1.3, 0.9)
    assert rows["p_holm"].tolist() == pytest.approx((2 * holm(rows["p"].to_numpy())).clip(max=1).tolist())
    assert rows["alike_holm"].tolist() == pytest.approx((2 * holm(rows["alike_p"].to_numpy())).clip(max=1).tolist())
    assert "of 3 claims" in rows["reason"][0]


def test_rows_that_cannot_be_tested_are_not_in_the_family() -> None:
    primary = [True, True, False]
    rows = decided(1.3, 1.3, 1.3, primary=primary, hindered=["", "it has not learned", ""])
    assert rows["outcome"].tolist() == ["holds", "no verdict", "exploratory"]
    assert "of 1 claims" in rows["reason"][0]
    assert rows["reason"][1].startswith("it has not learned (5 seeds: ")
    assert rows["p_holm"].isna().tolist() == [False, True, True]


def test_seeds_that_are_all_alike_give_no_verdict() -> None:
    row = decided(1.3, noise=np.zeros(5)).iloc[0]
    assert (row["outcome"], row["reason"]) == ("no verdict", "all 5 seeds alike: 1.3")


def test_a_claim_without_values_is_not_measured() -> None:
    row = decided(math.nan).iloc[0]
    assert (row["outcome"], row["reason"]) == ("no verdict", "not measured; a verdict needs 5 seeds")
