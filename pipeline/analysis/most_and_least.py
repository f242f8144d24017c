"""The sentences of the answer about the groups, or layers, that changed most and least."""

import numpy as np

from pipeline.analysis.averages import MIN_SEEDS, mean_of_finite
from pipeline.analysis.claims import PRIMARY, cannot_compare, not_learned
from pipeline.analysis.extremes import Extremes, extremes
from pipeline.analysis.inference import same
from pipeline.analysis.statistics import Histories
from pipeline.analysis.verdicts import ALIKE, CANNOT_TELL, HOLDS, NO_VERDICT
from pipeline.analysis.windows import Window, mean_logs

WORDS = {HOLDS: "told apart"}  # the other outcomes are their own words


def most_and_least(histories: Histories, hindered: str) -> list[str]:
    """Return which changed most and least, and how sure that is; `hindered` is why nothing follows, if so."""
    if unequal := cannot_compare(histories):
        return [f"Which layers changed most cannot be said: {unequal}."]
    found = extremes(histories)
    return [_most_and_least(histories, found), _how_sure(found, hindered)]


def changed_most(histories: Histories) -> str:
    """Return what changed most, for a column of many studies: `later, 4.1 x early (no verdict)`; "" if nothing did."""
    found = None if cannot_compare(histories) else extremes(histories)
    if found is None:
        return ""
    if found.equal:
        return "all alike"
    outcome = NO_VERDICT if not_learned(histories) else found.outcome
    return f"{found.most}, {np.exp(found.row['mean']):.1f} x {found.least} ({WORDS.get(outcome, outcome)})"


def _most_and_least(histories: Histories, found: Extremes | None) -> str:
    when = Window.WHOLE.text(histories.last_epoch)
    if found is None:
        return _only_layer(histories, when)
    if found.equal:
        return (
            f"The {found.count} {'groups' if found.are_groups else 'layers'} changed alike in an epoch (RWC, {when})."
        )
    ratio = np.exp([found.row[name] for name in ("mean", "low", "high", "lowest", "highest")])
    of_seeds = f", {ratio[3]:.3g} to {ratio[4]:.3g} in single seeds" if found.row["n"] > 1 else ""
    if np.isfinite(ratio[1]):
        of_seeds = f", 95 % interval {ratio[1]:.3g} to {ratio[2]:.3g}"
    names = "The group {} changed most and the group {} least" if found.are_groups else "{} changed most and {} least"
    return f"{names.format(found.most, found.least)}: {ratio[0]:.3g} times as much in an epoch (RWC, {when}{of_seeds})."


def _only_layer(histories: Histories, when: str) -> str:
    changes = np.exp(mean_of_finite(mean_logs(histories, PRIMARY), axis=0))
    for layer, change in zip(histories.group_of, changes, strict=True):
        if np.isfinite(change):
            return f"One layer changed, {layer}: by {100 * change:.3g} % of its size in an epoch (RWC, {when})."
    return "No layer changed."


def _how_sure(found: Extremes | None, hindered: str) -> str:
    if found is None:
        return ""
    count = int(found.row["n"])
    if hindered:
        return f"Nothing follows from that difference: {hindered}."
    phrases = {
        HOLDS: f"The seeds tell them apart ({_p(found)}).",
        ALIKE: "So all are alike: they differ by less than 10 %.",
        CANNOT_TELL: f"Whether that is a difference cannot be told from {count} seeds ({_p(found)}).",
    }
    return phrases.get(found.outcome) or ("" if found.equal else _few(found, count))


def _few(found: Extremes, count: int) -> str:
    if count < 2:
        return "How sure that is cannot be told from one seed."
    low, high = found.row["lowest"], found.row["highest"]
    if same(low, high):
        return f"All {count} seeds have this ratio, so there is no spread to judge it by."
    where = "in every seed" if low > 0 or high < 0 else "not in every seed"
    return f"That was so {where}, but {count} seeds are too few to be sure: a verdict needs {MIN_SEEDS}."


def _p(found: Extremes) -> str:
    p = min(1.0, found.row["p"] * found.pairs)
    corrected = f", corrected for {found.pairs} pairs" if found.pairs > 1 else ""
    return f"p {f'= {p:.2g}' if p >= 0.001 else 'under 0.001'}{corrected}"
