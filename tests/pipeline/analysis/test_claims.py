"""What synthetic studies with known differences say to the paper's claims."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models import ARCHITECTURES
from pipeline.analysis.claims import claims_table, not_learned
from pipeline.analysis.paper_claims import CLAIMS, CLAIMS_BETWEEN, LAST_TWO_GROUPS, PAPER_DATASETS
from pipeline.analysis.statistics import Histories
from tests.support.measurements import with_layers

GROUPS = {"a": "early", "b": "middle", "c": "middle", "d": "later", "fc": ""}
LATER, EARLY, MIDDLE, TIME = (
    "later layers change more than earlier ones",
    "early changes less than middle",
    "middle changes less than later",
    "layers change less in the last third of the epochs than in the first tenth",
)
Study = Callable[..., Histories]


@pytest.fixture
def study(histories: Study) -> Study:
    """Return a maker of histories in which each group changes by the given amount, with noise between seeds."""

    def make(changes: dict[str, float], *, noise: float = 0.02, seeds: int = 5, last: int = 6) -> Histories:
        made = histories({seed: last + (seed == 1) for seed in range(seeds)}, GROUPS)
        draws = np.random.default_rng(0)
        of_group = np.array([changes.get(group, 1.0) for group in GROUPS.values()])[:, None]
        of_seed = of_group * np.exp(noise * draws.standard_normal((seeds, len(GROUPS), 1)))
        noisy = {
            metric: of_seed * np.exp(0.005 * draws.standard_normal(values.shape))
            for metric, values in made.layers.items()
        }
        return with_layers(made, **noisy)

    return make


def outcomes(table: pd.DataFrame) -> dict[str, str]:
    rows = table[table["primary"]]
    return dict(zip(rows["claim"], rows["outcome"], strict=True))


def test_clear_differences_hold_or_are_the_reverse(study: Study) -> None:
    table = claims_table(study({"early": 0.1, "middle": 0.2, "later": 0.3}), "AlexNet", "FMNIST")
    assert outcomes(table) == {LATER: "holds", EARLY: "holds", MIDDLE: "holds", TIME: "no verdict"}
    row = table[table["primary"] & (table["claim"] == EARLY)].iloc[0]
    assert row["ratio"] == pytest.approx(2, rel=0.05)
    assert row["low"] < row["ratio"] < row["high"]
    assert (row["n"], row["first"], row["last"], row["ratio of"]) == (5, 2, 7, "middle / early")
    other = claims_table(study({"early": 0.3, "middle": 0.2, "later": 0.1}), "AlexNet", "FMNIST")
    assert outcomes(other) == {LATER: "the reverse", EARLY: "the reverse", MIDDLE: "the reverse", TIME: "no verdict"}


def test_equal_groups_are_alike_and_noise_cannot_tell(study: Study) -> None:
    equal = {"early": 0.2, "middle": 0.2, "later": 0.2}
    assert set(outcomes(claims_table(study(equal, last=20), "AlexNet", "FMNIST")).values()) == {"alike"}
    noisy = outcomes(claims_table(study(equal, noise=0.5), "AlexNet", "FMNIST"))
    assert [noisy[claim] for claim in (LATER, EARLY, MIDDLE)] == 3 * ["cannot tell"]


def test_a_claim_of_likeness_holds_where_groups_are_alike(study: Study) -> None:
    made = study({"early": 0.2, "middle": 0.2, "later": 0.2})
    renamed = {"early": "block1", "middle": "block3", "later": "block4", "": ""}
    made = replace(made, group_of={layer: renamed[group] for layer, group in GROUPS.items()})
    said = outcomes(claims_table(made, "ResNet18", "CIFAR-10"))
    assert said["block3 changes as much as block4"] == "holds"
    assert said["block1 changes less than block2"] == "no verdict", "it has no block2"


@pytest.mark.parametrize("seeds", [1, 2, 3, 4])
def test_few_seeds_give_no_verdict(study: Study, seeds: int) -> None:
    table = claims_table(study({"early": 0.1, "middle": 0.2, "later": 0.3}, seeds=seeds), "AlexNet", "FMNIST")
    assert set(outcomes(table).values()) == {"no verdict"}


def test_only_rwc_over_the_whole_window_gives_verdicts(study: Study) -> None:
    table = claims_table(study({"early": 0.1, "middle": 0.2, "later": 0.3}), "AlexNet", "FMNIST")
    primary = table[table["primary"]]
    assert primary["claim"].is_unique
    assert set(primary["measured by"]) == {"rwc"}
    assert set(primary["layers"]) == {"in groups"}
    others = table[~table["primary"]]
    assert set(others["outcome"]) == {"exploratory"}
    assert others["p_holm"].isna().all()
    assert {"first tenth", "last third"} < set(others["window"])
    assert {"rwc", "rwc_elementwise"} == set(others["measured by"])


def test_depth_is_about_the_layers_in_groups_with_all_layers_as_a_second_line(study: Study) -> None:
    """The last linear layer, outside all groups, changes most by far."""
    table = claims_table(study({"early": 0.3, "middle": 0.2, "later": 0.1}), "AlexNet", "FMNIST")
    lines = table[(table["claim"] == LATER) & (table["measured by"] == "rwc")]
    whole = lines[lines["window"] == "without the first epoch"].set_index("layers")
    assert whole["ratio"]["in groups"] < 1 < whole["ratio"]["all"]
    assert whole["order_p"]["in groups"] == pytest.approx(2 / 24, abs=0.1), "layers as units"
    assert not whole["primary"]["all"]


def test_layers_that_calm_down_hold_the_premise(histories: Study) -> None:
    """A change of 1 / epoch falls from the first tenth to the last third of 30 epochs."""
    table = claims_table(histories(dict.fromkeys(range(5), 30), GROUPS), "AlexNet", "FMNIST")
    row = table[(table["claim"] == TIME) & table["primary"]].iloc[0]
    assert (row["outcome"], row["number"]) == ("holds", 9)


@pytest.mark.parametrize(("last", "outcome"), [(3, "no verdict"), (19, "no verdict"), (20, "holds")])
def test_fewer_than_20_epochs_have_no_first_tenth(histories: Study, last: int, outcome: str) -> None:
    table = claims_table(histories(dict.fromkeys(range(5), last), GROUPS), "AlexNet", "FMNIST")
    row = table[(table["claim"] == TIME) & table["primary"]].iloc[0]
    assert row["outcome"] == outcome
    if last < 20:
        assert row["reason"] == "fewer than 20 epochs have no first tenth"


def test_a_layer_that_stands_still_from_some_epoch_on_hinders_the_claims_about_it(study: Study) -> None:
    """Layer a, the only one of early, changes in epoch 2 alone."""
    made = study({"early": 0.5, "middle": 0.2, "later": 0.3})
    for value in (0.0, math.inf, math.nan):
        made.layers["rwc"][:, 0, 2:] = value
        table = claims_table(made, "AlexNet", "FMNIST")
        assert outcomes(table) | {TIME: ""} == {LATER: "no verdict", EARLY: "no verdict", MIDDLE: "holds", TIME: ""}
        row = table[table["primary"] & (table["claim"] == EARLY)].iloc[0]
        assert row["reason"] == "rwc is zero, infinite or undefined in some epochs, but not in all, in a"
        assert math.isnan(row["ratio"])


def test_the_order_of_layers_is_beside_a_claim_that_one_end_decides(study: Study) -> None:
    """The last layer changes most by far, and the others less with depth."""
    made = study({"early": 0.1, "middle": 0.1, "later": 0.3})
    made.layers["rwc"] *= np.array([[1.0], [0.9], [0.7], [1.0], [1.0]])
    row = claims_table(made, "AlexNet", "FMNIST").query("primary").iloc[0]
    assert (row["claim"], row["outcome"]) == (LATER, "holds")
    assert row["order_p"] > 0.05
    assert row["reason"].endswith(f"; the order of the layers could be any (p = {row['order_p']:.2g})")


def test_a_study_whose_training_loss_has_not_moved_gives_no_verdict(study: Study) -> None:
    made = study({"early": 0.1, "middle": 0.2, "later": 0.3})
    assert not_learned(made) == ""
    made.scalars["train_loss"][3] = 2.3026
    assert not_learned(made) == "the training loss of seed 3 has not moved: it fell by less than 5 %"
    table = claims_table(made, "AlexNet", "FMNIST")
    assert set(outcomes(table).values()) == {"no verdict"}
    assert all(reason.startswith("the training loss of seed 3") for reason in table[table["primary"]]["reason"])


def test_a_loss_that_is_not_a_number_has_not_moved(study: Study) -> None:
    made = study({"early": 0.1, "middle": 0.2, "later": 0.3})
    made.scalars["train_loss"][:, 3:] = np.nan
    assert "seed 0, 1, 2, 3, 4" in not_learned(made)


def test_one_epoch_shows_no_learning_and_a_seed_that_stopped_after_it_does_not_hinder(histories: Study) -> None:
    assert "one epoch only" in not_learned(histories({0: 1, 1: 1}, GROUPS))
    assert not_learned(histories({0: 1, 1: 5}, GROUPS)) == ""


def test_models_and_data_sets_that_the_paper_lacks_have_no_rows(study: Study) -> None:
    made = study({"early": 0.1, "middle": 0.2, "later": 0.3})
    assert claims_table(made, "Xception", "FMNIST").empty
    assert claims_table(made, "AlexNet", "Digits").empty


def test_every_claim_names_groups_of_its_model() -> None:
    for claim in (claim for claim in CLAIMS if claim.of == "groups"):
        assert {claim.first, claim.second} <= set(ARCHITECTURES[claim.model].groups)
    for between in (claim for claim in CLAIMS_BETWEEN if claim.of == "groups"):
        assert {between.first, between.second} <= set(ARCHITECTURES[between.less[0]].groups)
    for model, groups in LAST_TWO_GROUPS.items():
        assert tuple(ARCHITECTURES[model].groups)[-2:] == groups


def test_all_nine_claims_are_tested_on_the_paper_s_data_sets() -> None:
    assert {claim.number for claim in (*CLAIMS, *CLAIMS_BETWEEN)} == set(range(1, 10))
    assert {dataset for claim in CLAIMS for dataset in claim.datasets} == set(PAPER_DATASETS)
    cells = {cell for claim in CLAIMS_BETWEEN for cell in (claim.less, claim.more)}
    assert {dataset for _model, dataset in cells} == set(PAPER_DATASETS)
    assert len({(claim.model, each, str(claim)) for claim in CLAIMS for each in claim.datasets}) == sum(
        len(claim.datasets) for claim in CLAIMS
    ), "none is tested twice"
