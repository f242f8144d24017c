"""Verdicts on a page of several studies: claims within each, claims between two, one family for Holm's correction."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.analysis.claims import (
    CLAIM_METRICS,
    LABELS,
    NEEDED,
    PRIMARY,
    Evidence,
    cannot_compare,
    claim_tests,
    not_learned,
    tests_table,
)
from pipeline.analysis.comparison import DISTINGUISHING_SETTINGS, NOT_RUN, Compared, comparable
from pipeline.analysis.depth import IN_GROUPS, depths, layers_in_groups, places_of, trends
from pipeline.analysis.groups import group_logs, group_ratio, without_groups
from pipeline.analysis.paper_claims import CLAIMS_BETWEEN, ClaimBetween
from pipeline.analysis.statistics import Histories
from pipeline.analysis.verdicts import DECIDED, decide
from pipeline.analysis.windows import Window, mean_logs, mean_over_layers

WITHIN_COLUMNS = ["study", *LABELS, *DECIDED, "order_p", "ratio of"]
BETWEEN_COLUMNS = [*LABELS, *DECIDED, "ratio of", "less", "more"]
LEFT_OUT = "left out, as the settings"
LENGTHS = ("epochs", "target_val_acc")  # which end a seed: the epochs that both studies ran are compared
MUST_BE_EQUAL = [name for name in DISTINGUISHING_SETTINGS if name not in LENGTHS]


class Pair(NamedTuple):
    """Two studies to compare, or why there are none."""

    less: Compared | None
    more: Compared | None
    left_out: str


def page_of_claims(studies: Sequence[Compared]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return verdicts within the studies, WITHIN_COLUMNS, and between two, BETWEEN_COLUMNS, as one family."""
    within = [
        claim_tests(study.histories, study.model, study.dataset).assign(study=study.label, less="", more="")
        for study in studies
    ]
    between = [_between(claim, studies) for claim in CLAIMS_BETWEEN]
    tests = [table for table in (*within, *between) if len(table)]
    decided = decide(pd.concat(tests, ignore_index=True))
    is_between = decided["study"] == ""
    return (
        decided.loc[~is_between, WITHIN_COLUMNS].reset_index(drop=True),
        decided.loc[is_between, BETWEEN_COLUMNS].reset_index(drop=True),
    )


def pair_for(claim: ClaimBetween, studies: Sequence[Compared]) -> Pair:
    """Return the newest studies of the claim's two cells whose settings are equal, except for model and data set."""
    of_cell = [[s for s in reversed(studies) if (s.model, s.dataset) == cell] for cell in (claim.less, claim.more)]
    missing = [cell for cell, found in zip((claim.less, claim.more), of_cell, strict=True) if not found]
    if missing:
        return Pair(None, None, f"{NOT_RUN}: {' and '.join(f'{model} on {dataset}' for model, dataset in missing)}")
    pairs = [(less, more) for less in of_cell[0] for more in of_cell[1]]
    for less, more in pairs:
        if not _differences(less, more):
            return Pair(less, more, "")
    differing = ", ".join(_differences(*pairs[0]))
    return Pair(None, None, f"{LEFT_OUT} of {pairs[0][0].label} and {pairs[0][1].label} differ: {differing}")


def _differences(less: Compared, more: Compared) -> list[str]:
    both = [(name, less.settings.get(name, ""), more.settings.get(name, "")) for name in MUST_BE_EQUAL]
    return [f"{name} {one} and {other}" for name, one, other in both if comparable(one) != comparable(other)]


def _between(claim: ClaimBetween, studies: Sequence[Compared]) -> pd.DataFrame:
    less, more, left_out = pair_for(claim, studies)
    if less is None or more is None:
        labels = _labels(claim, "", Window.WHOLE, 0, left_out)
        return tests_table([Evidence(np.array([]), np.nan, labels)]).assign(study="", less="", more="")
    return tests_table(list(_tests(claim, less, more))).assign(study="", less=less.label, more=more.label)


def _tests(claim: ClaimBetween, less: Compared, more: Compared) -> Iterator[Evidence]:
    reasons = [f"{study.label}: {why}" for study in (less, more) if (why := _hindered(claim, study.histories))]
    last_epochs = _epochs_of_both(less, more)
    for metric in CLAIM_METRICS:
        if all(metric in study.histories.layers for study in (less, more)):
            for window in Window:
                one, other = (_quantity(claim, study, metric, window, last_epochs) for study in (less, more))
                last = max(last_epochs.values(), default=0)
                yield Evidence((other - one).dropna().to_numpy(), np.nan,
                           _labels(claim, metric, window, last, "; ".join(reasons)))  # fmt: skip


def _hindered(claim: ClaimBetween, histories: Histories) -> str:
    groups = (claim.first, claim.second) if claim.of == "groups" else ()
    return not_learned(histories) or cannot_compare(histories, *groups)


def _epochs_of_both(less: Compared, more: Compared) -> dict[int, int]:
    """Return the last epoch that each seed of both studies ran in both."""
    one, other = less.histories.last_epochs, more.histories.last_epochs
    return {seed: min(one[seed], other[seed]) for seed in one.keys() & other.keys()}


def _quantity(
    claim: ClaimBetween, study: Compared, metric: str, window: Window, last_epochs: Mapping[int, int]
) -> pd.Series:
    """Return, by seed, the mean logarithm of the layers in groups, or the log ratio of two groups, or of the depth."""
    histories = study.histories
    layers, logs = layers_in_groups(histories), mean_logs(histories, metric, window, last_epochs)
    drawn = logs[:, places_of(layers, histories)]
    if claim.of == "groups" and without_groups(histories, claim.first, claim.second):
        found = np.full(len(histories.seeds), np.nan)
    elif claim.of == "groups":
        found = group_ratio(group_logs(logs, histories), claim.first, claim.second)
    else:
        found = trends(drawn, depths(tuple(layers))) if claim.of == "depth" else mean_over_layers(drawn)
    return pd.Series(found, index=histories.seeds)


def _labels(claim: ClaimBetween, metric: str, window: Window, last: int, hindered: str) -> dict[str, object]:
    first, last = window.bounds(last) if last else (0, 0)
    primary = metric in (PRIMARY, "") and window is Window.WHOLE
    labels = str(claim), claim.number, IN_GROUPS, metric, window.value, first, last, primary
    return dict(zip([*LABELS, *NEEDED], [*labels, claim.comparison, hindered, claim.ratio_of], strict=True))
