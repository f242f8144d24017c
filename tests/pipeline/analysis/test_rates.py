"""How often intervals cover and verdicts are false, simulated: the rates that docs/statistics.md states."""

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.averages import students_interval
from pipeline.analysis.claims import claims_table
from pipeline.analysis.inference import MARGIN, effects, holm, p_values
from pipeline.analysis.statistics import Histories
from pipeline.analysis.verdicts import decide
from pipeline.tracking.tables import LEVELS

STUDIES = 20_000
GROUPS = {
    "conv1": "early", "conv2": "middle", "conv3": "middle", "conv4": "later", "conv5": "later", "fc": "",
}  # fmt: skip
EPOCHS = 20
DEVIATION = 0.04


def simulated(seeds: int, effect: float, claims: int = 1) -> np.ndarray:
    """Return seeds x studies x claims: an effect in deviations of a seed, for every claim."""
    return effect + np.random.default_rng(seeds).standard_normal((seeds, STUDIES, claims))


@pytest.mark.parametrize("seeds", [3, 5, 8, 10])
@pytest.mark.parametrize("effect", [0, 1, 3])
def test_intervals_cover_in_95_of_100_cases_whatever_the_effect(seeds: int, effect: float) -> None:
    low, high = students_interval(simulated(seeds, effect)[:, :, 0])
    assert ((low <= effect) & (effect <= high)).mean() == pytest.approx(0.95, abs=0.006)


@pytest.mark.parametrize("seeds", [3, 5, 8, 10])
def test_without_an_effect_5_of_100_tests_are_false(seeds: int) -> None:
    p, _alike, _beyond = p_values(simulated(seeds, 0)[:, :, 0])
    assert (p <= 0.05).mean() == pytest.approx(0.05, abs=0.006)


@pytest.mark.parametrize(
    ("seeds", "one", "three"), [(3, 0.18, 0.75), (5, 0.40, 0.996), (8, 0.68, 1.0), (10, 0.80, 1.0)]
)
def test_power_of_one_test_at_one_and_three_deviations(seeds: int, one: float, three: float) -> None:
    found = [(p_values(simulated(seeds, effect)[:, :, 0])[0] <= 0.05).mean() for effect in (1, 3)]
    assert found == pytest.approx([one, three], abs=0.015)


@pytest.mark.parametrize("seeds", [5, 8, 10])
def test_without_an_effect_5_of_100_families_of_12_have_a_false_verdict(seeds: int) -> None:
    p, _alike, _beyond = p_values(simulated(seeds, 0, 12)[:, :4000].reshape(seeds, -1))
    by_study = p.reshape(4000, 12)
    assert np.mean([(holm(each) <= 0.05).any() for each in by_study]) == pytest.approx(0.05, abs=0.011)


def test_of_mixed_families_5_of_100_at_most_have_a_false_verdict_of_either_kind() -> None:
    """Six claims have no effect, and six lie just beyond the margin with little noise."""
    draws, false = np.random.default_rng(0), []
    for _study in range(150):
        without, at_margin = draws.standard_normal((2, 5, 6))
        values = np.concatenate([0.5 * without, 1.001 * MARGIN + 0.01 * at_margin], axis=1)
        said = decide(effects(values).assign(comparison="<", primary=True, hindered=""))["outcome"]
        false.append(said[:6].isin(["holds", "the reverse"]).any() or (said[6:] == "alike").any())
    assert np.mean(false) <= 0.05


@pytest.mark.parametrize("seeds", [5, 8, 10])
def test_a_ratio_at_the_margin_is_alike_in_5_of_100_cases(seeds: int) -> None:
    _p, alike, _beyond = p_values(MARGIN + 0.02 * simulated(seeds, 0)[:, :, 0])
    assert (alike <= 0.05).mean() == pytest.approx(0.05, abs=0.006)


def studies(seeds: int, count: int, ratio: float) -> Iterator[Histories]:
    """Yield studies of AlexNet's shape whose groups change by 1, `ratio` and its square, with noise of seed and layer.

    The log ratio of two groups has the deviation DEVIATION over the seeds, and epochs share the noise of their seed.
    """
    draws = np.random.default_rng(seeds)
    shape = (seeds, len(GROUPS), EPOCHS)
    weights = np.broadcast_to(100.0 + np.arange(len(GROUPS))[:, None], shape)
    scalars = {"train_loss": np.broadcast_to(2 / np.arange(1.0, EPOCHS + 1), (seeds, EPOCHS))}
    levels = pd.DataFrame([(*each, False, *3 * [math.nan]) for each in GROUPS.items()], columns=LEVELS)
    names = list(dict.fromkeys(GROUPS.values()))
    group_at = np.array([names.index(group) for group in GROUPS.values()])
    true = np.array([0, 1, 2, 0])[group_at] * math.log(ratio)
    for _study in range(count):
        of_group = DEVIATION / math.sqrt(2) * draws.standard_normal((seeds, 1, len(names)))
        of_epoch = 0.05 * draws.standard_normal((seeds, EPOCHS, 1))  # which all layers share
        rwc = np.exp(true + of_group[:, :, group_at] + of_epoch).swapaxes(1, 2)
        layers = {"rwc": rwc, "weights": weights}
        measured = dict.fromkeys(layers, np.ones(shape, dtype=bool))
        yield Histories(dict.fromkeys(range(seeds), EPOCHS), GROUPS, scalars, layers, measured, levels)


def outcomes(seeds: int, count: int, ratio: float) -> list[dict[str, str]]:
    """Return the outcomes of each study, by claim, from the table that a study's run holds."""
    found = []
    for histories in studies(seeds, count, ratio):
        table = claims_table(histories, "AlexNet", "FMNIST")
        rows = table[table["primary"]]
        found.append(dict(zip(rows["claim"], rows["outcome"], strict=True)))
    return found


def share_of_false(found: list[dict[str, str]]) -> float:
    return float(np.mean([bool({"holds", "the reverse"} & set(study.values())) for study in found]))


@pytest.mark.parametrize("seeds", [5, 8])
def test_few_studies_without_an_effect_have_a_false_verdict(seeds: int) -> None:
    """The rate is some 0.3 %: of 100 studies, more than 3 would have one in 1 of 3,000 cases."""
    assert share_of_false(outcomes(seeds, 100, 1)) <= 0.03


def test_ratios_of_1_22_hold_in_most_studies_of_five_seeds() -> None:
    held = Counter(claim for study in outcomes(5, 40, 1.22) for claim, said in study.items() if said == "holds")
    for claim in ("early changes less than middle", "middle changes less than later"):
        assert held[claim] >= 36


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [5, 8])
def test_of_2_000_studies_without_an_effect_5_of_100_at_most_have_a_false_verdict(seeds: int) -> None:
    found = outcomes(seeds, 2000, 1)
    assert share_of_false(found) <= 0.05
    said = Counter(each for study in found for each in study.values())
    assert said["alike"] / said.total() > 0.7, "equal groups are told to be alike"


@pytest.mark.slow
def test_of_2_000_studies_with_ratios_of_1_22_95_of_100_hold_at_five_seeds() -> None:
    found = outcomes(5, 2000, 1.22)
    for claim in ("early changes less than middle", "middle changes less than later"):
        assert np.mean([study[claim] == "holds" for study in found]) >= 0.95
