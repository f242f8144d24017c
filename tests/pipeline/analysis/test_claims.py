"""Verdicts on the paper's claims for synthetic histories whose verdict is known."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models import ARCHITECTURES
from pipeline.analysis.claims import claims_table, verdict
from pipeline.analysis.inference import Effect
from pipeline.analysis.paper import CLAIMS, CLAIMS_BETWEEN, PAPER_DATASETS
from pipeline.analysis.statistics import Histories

GROUPS = {"a": "early", "b": "middle", "c": "middle", "d": "later"}


@pytest.fixture
def study(histories: Callable[..., Histories]) -> Callable[..., Histories]:
    """Return a maker of histories in which each group changes by the given amount, with noise between seeds."""

    def make(changes: dict[str, float], *, noise: float = 0.02, seeds: int = 5, last: int = 4) -> Histories:
        made = histories({seed: last + (seed == 1) for seed in range(seeds)}, GROUPS)
        draws = np.random.default_rng(0)
        by_seed_and_layer = {
            (seed, layer): changes[group] * math.exp(noise * draws.normal())
            for seed in range(seeds)
            for layer, group in GROUPS.items()
        }
        layers = made.layers.copy()
        layers["value"] = [by_seed_and_layer[row.seed, row.layer] for row in layers.itertuples()]
        return replace(made, layers=layers)

    return make


def by_claim(table: pd.DataFrame, measured: str = "rwc") -> dict[str, str]:
    rows = table[table["measured by"] == measured]
    return dict(zip(rows["claim"], rows["verdict"], strict=True))


def test_clear_differences_hold_or_do_not_hold(study: Callable[..., Histories]) -> None:
    table = claims_table(study({"early": 0.1, "middle": 0.2, "later": 0.3}), "AlexNet", "FMNIST")
    assert by_claim(table) == {
        "later layers change more than earlier ones": "holds",
        "early changes less than middle": "holds",
        "middle changes less than later": "holds",
    }
    assert by_claim(table, "rwc_elementwise") == by_claim(table)
    row = table[(table["claim"] == "early changes less than middle") & (table["measured by"] == "rwc")].iloc[0]
    assert row["effect"] == pytest.approx(2, rel=0.05)
    assert row["low"] < row["effect"] < row["high"]
    assert (row["p"], row["n"], row["first"], row["last"]) == (2 / 2**5, 5, 1, 4)
    other = claims_table(study({"early": 0.3, "middle": 0.2, "later": 0.1}), "AlexNet", "FMNIST")
    assert set(by_claim(other).values()) == {"does not hold"}


def test_noise_and_few_seeds_cannot_tell(study: Callable[..., Histories]) -> None:
    noisy = by_claim(claims_table(study({"early": 0.2, "middle": 0.2, "later": 0.2}, noise=0.5), "AlexNet", "FMNIST"))
    assert "cannot tell" in noisy.values()
    few = claims_table(study({"early": 0.1, "middle": 0.2, "later": 0.3}, seeds=2), "AlexNet", "FMNIST")
    assert set(few["verdict"]) == {"cannot tell"}
    one = claims_table(study({"early": 0.1, "middle": 0.2, "later": 0.3}, seeds=1), "AlexNet", "FMNIST")
    assert set(one["verdict"]) == {"cannot tell"}


def test_models_and_data_sets_that_the_paper_lacks_have_no_rows(study: Callable[..., Histories]) -> None:
    histories = study({"early": 0.1, "middle": 0.2, "later": 0.3})
    assert claims_table(histories, "Xception", "FMNIST").empty
    assert claims_table(histories, "AlexNet", "Digits").empty


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(-0.1, 0.1, "holds"), (0.3, 0.5, "does not hold"), (-0.5, -0.3, "does not hold"), (0.1, 0.3, "cannot tell")],
)
def test_as_much_as_means_a_ratio_near_1(low: float, high: float, said: str) -> None:
    claim = next(claim for claim in CLAIMS if claim.comparison == "~")
    assert verdict(claim.comparison, Effect((low + high) / 2, low, high, 0.1, 5)) == said


def test_every_claim_names_groups_of_its_model() -> None:
    for claim in CLAIMS:
        groups = set(ARCHITECTURES[claim.model].groups)
        assert {claim.first, claim.second} <= groups or claim.comparison == "depth"
    assert {claim.number for claim in (*CLAIMS, *CLAIMS_BETWEEN)} == {1, 2, 3, 4, 5, 6}


def test_every_claim_is_about_the_paper_s_data_sets() -> None:
    assert {dataset for claim in CLAIMS for dataset in claim.datasets} == set(PAPER_DATASETS)
    assert {dataset for claim in CLAIMS_BETWEEN for dataset in (claim.less, claim.more)} <= set(PAPER_DATASETS)
