"""The paper's claims under synthetic histories whose answer is known."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from models import ARCHITECTURES
from pipeline.analysis.claims import CLAIMS, claims_table, verdict
from pipeline.analysis.inference import Effect
from pipeline.analysis.statistics import Histories

GROUPS = {"a": "early", "b": "middle", "c": "middle", "d": "later"}


@pytest.fixture
def study(histories: Callable[..., Histories]) -> Callable[..., Histories]:
    """Return a maker of histories in which each group changes as much as is said, up to a noise of its seeds."""

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
        return Histories(made.scalars, layers)

    return make


def by_claim(table: pd.DataFrame, measured: str = "rwc") -> dict[str, str]:
    rows = table[table["measured by"] == measured]
    return dict(zip(rows["claim"], rows["verdict"], strict=True))


def test_what_holds_and_what_does_not(study: Callable[..., Histories]) -> None:
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


def test_what_cannot_be_told(study: Callable[..., Histories]) -> None:
    noisy = by_claim(claims_table(study({"early": 0.2, "middle": 0.2, "later": 0.2}, noise=0.5), "AlexNet", "FMNIST"))
    assert "cannot tell" in noisy.values()
    few = claims_table(study({"early": 0.1, "middle": 0.2, "later": 0.3}, seeds=2), "AlexNet", "FMNIST")
    assert set(few["verdict"]) == {"cannot tell"}
    one = claims_table(study({"early": 0.1, "middle": 0.2, "later": 0.3}, seeds=1), "AlexNet", "FMNIST")
    assert set(one["verdict"]) == {"cannot tell"}


def test_other_models_and_sets_have_no_claims(study: Callable[..., Histories]) -> None:
    histories = study({"early": 0.1, "middle": 0.2, "later": 0.3})
    assert claims_table(histories, "Xception", "FMNIST").empty
    assert claims_table(histories, "AlexNet", "Digits").empty


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(-0.1, 0.1, "holds"), (0.3, 0.5, "does not hold"), (-0.5, -0.3, "does not hold"), (0.1, 0.3, "cannot tell")],
)
def test_alike(low: float, high: float, said: str) -> None:
    claim = next(claim for claim in CLAIMS if claim.comparison == "~")
    assert verdict(claim.comparison, Effect((low + high) / 2, low, high, 0.1, 5)) == said


def test_every_claim_is_about_groups_that_its_model_has() -> None:
    for claim in CLAIMS:
        groups = set(ARCHITECTURES[claim.model].groups)
        assert {claim.first, claim.second} <= groups or claim.comparison == "depth"
    assert {claim.number for claim in CLAIMS} == {1, 2, 3, 4, 5}
