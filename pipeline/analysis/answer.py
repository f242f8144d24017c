"""What a study shows, in at most eight sentences that a person can repeat: its report and its page open with them."""

from collections import Counter
from collections.abc import Mapping
from pathlib import PurePath

import numpy as np
import pandas as pd

from pipeline.analysis.claims import PRIMARY, not_learned
from pipeline.analysis.extremes import Extremes, extremes
from pipeline.analysis.inference import effect, mean_of_finite
from pipeline.analysis.paper import ACCURACIES
from pipeline.analysis.statistics import Histories, final_values
from pipeline.analysis.verdicts import ALIKE, CANNOT_TELL, HOLDS, MIN_SEEDS, NO_VERDICT, REVERSE
from pipeline.analysis.windows import Window, mean_logs

FEW_EPOCHS = 10
TOLD = {HOLDS: "told apart"}  # in a word; the other outcomes are their own words
OUTCOMES = {
    HOLDS: "{} shown",
    REVERSE: "{} reversed",
    ALIKE: "{} answered by no difference (within 10 %)",
    CANNOT_TELL: "{} undecided",
    NO_VERDICT: "{} without a verdict",
}


def answer(
    histories: Histories,
    tables: Mapping[str, pd.DataFrame],
    *,
    model: str,
    dataset: str,
    asked: int,
    paper: Mapping[str, str],
) -> list[str]:
    """Return the sentences, written from the numbers.

    `asked` is the number of seeds that the study was asked for; `paper` has the paper's settings for the model and the
    data set, if it has such a study.
    """
    sentences = [
        *opening(histories, model=model, dataset=dataset, asked=asked, paper=paper),
        _claims(tables["claims"], model, dataset),
        _equilibrium(tables["equilibrium"]),
        _unsaid(histories, not_learned(histories)),
    ]
    return [sentence for sentence in sentences if sentence]


def opening(histories: Histories, *, model: str, dataset: str, asked: int, paper: Mapping[str, str]) -> list[str]:
    """Return the first sentences: what ran, its accuracy, what changed most and least, and whether that is sure."""
    found = extremes(histories)
    sentences = [
        _what_ran(histories, model, dataset, asked),
        _accuracy(histories, model, dataset, paper),
        _most_and_least(histories, found),
        _how_sure(found, not_learned(histories)),
    ]
    return [sentence for sentence in sentences if sentence]


def changed_most(histories: Histories) -> str:
    """Return what changed most, for a column of many studies: `later, 4.1 x early (no verdict)`; "" for one layer."""
    found = extremes(histories)
    if found is None:
        return ""
    outcome = NO_VERDICT if not_learned(histories) else found.outcome
    return f"{found.most}, {np.exp(found.row['mean']):.1f} x {found.least} ({TOLD.get(outcome, outcome)})"


def _what_ran(histories: Histories, model: str, dataset: str, asked: int) -> str:
    count, ends = len(histories.seeds), sorted(set(histories.last_epochs.values()))
    seeds = f"{count} of {asked} seeds" if count < asked else _counted(count, "seed")
    epochs = f"{ends[0]} to {ends[-1]} epochs, as some stopped early" if len(ends) > 1 else _counted(ends[0], "epoch")
    network, images = model.rpartition(":")[2], PurePath(dataset).stem if dataset.endswith(".npz") else dataset
    return f"{network} was trained on {images} with {seeds} for {epochs}."


def _accuracy(histories: Histories, model: str, dataset: str, paper: Mapping[str, str]) -> str:
    found = effect(final_values(histories, "test_acc").to_numpy())
    spread = {True: "one seed, so no interval", False: "the same in all seeds"}[found.n == 1]
    if np.isfinite(found.low):
        low, high = max(found.low, 0.0), min(found.high, 100.0)  # t knows no ends; those outside are impossible
        spread = f"95 % interval of the mean over {found.n} seeds: {low:.1f} to {high:.1f} %"
    beside = ""
    if paper:
        beside = f"; the paper reports {ACCURACIES[model][dataset]:.1f} % after up to {paper['epochs']} epochs"
    return f"It classifies {found.mean:.1f} % of the test images correctly ({spread}){beside}."


def _most_and_least(histories: Histories, found: Extremes | None) -> str:
    when = Window.WHOLE.text(histories.last_epoch)
    if found is None:
        return _only_layer(histories, when)
    ratio = np.exp([found.row[name] for name in ("mean", "low", "high", "lowest", "highest")])
    of_seeds = f", {ratio[3]:.3g} to {ratio[4]:.3g} in single seeds" if found.row["n"] > 1 else ""
    if found.row["n"] >= MIN_SEEDS and np.isfinite(ratio[1]):
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
    return phrases.get(found.outcome) or _few(found, count)


def _few(found: Extremes, count: int) -> str:
    if count < 2:
        return "How sure that is cannot be told from one seed."
    low, high = found.row["lowest"], found.row["highest"]
    if np.isnan(found.row["p"]):
        return f"All {count} seeds have this ratio, so there is no spread to judge it by."
    where = "in every seed" if low > 0 or high < 0 else "not in every seed"
    return f"That was so {where}, but {count} seeds are too few to be sure: a verdict needs {MIN_SEEDS}."


def _p(found: Extremes) -> str:
    p = min(1.0, found.row["p"] * found.pairs)
    corrected = f", corrected for {found.pairs} pairs" if found.pairs > 1 else ""
    return f"p {f'= {p:.2g}' if p >= 0.001 else 'under 0.001'}{corrected}"


def _claims(claims: pd.DataFrame, model: str, dataset: str) -> str:
    outcomes = [row["outcome"] for row in claims.to_dict("records") if row["primary"]]
    if not outcomes:
        return ""
    counts = Counter(outcomes)
    told = [phrase.format(counts[outcome]) for outcome, phrase in OUTCOMES.items() if counts[outcome]]
    return f"Of the paper's {_counted(len(outcomes), 'claim')} about {model} on {dataset}: {', '.join(told)}."


def _equilibrium(table: pd.DataFrame) -> str:
    layers = table[table["scale_invariant"].astype(bool)].drop_duplicates("layer")
    if layers.empty:
        return "No layer has a level of equilibrium: none is scale-invariant, or there is no weight decay."
    known = layers[layers["equilibrium"] != ""]
    if known.empty:
        return "Whether its layers are in equilibrium is unknown: their norms were not measured over two epochs."
    balanced, of = int((known["equilibrium"] == "yes").sum()), _counted(len(known), "scale-invariant layer")
    if not balanced:
        return f"Of {of} none is in equilibrium: their weights still grow or shrink."
    which = f"{'all' if balanced == len(known) else balanced} {'is' if balanced == 1 else 'are'}"
    return f"Of {of} {which} in equilibrium, where learning rate and weight decay set the change."


def _unsaid(histories: Histories, hindered: str) -> str:
    seeds, last = len(histories.seeds), histories.last_epoch
    unsaid = ["what another network or other settings would show"]
    if last < FEW_EPOCHS and not hindered:
        unsaid.insert(0, "what comes after the beginning of training")
    if seeds < MIN_SEEDS:
        unsaid.insert(0, "which differences other seeds would have")
    return f"{_counted(seeds, 'seed').capitalize()} and {_counted(last, 'epoch')} cannot say {'; '.join(unsaid)}."


def _counted(count: int, what: str) -> str:
    return f"{'one' if count == 1 else count} {what}{'s' * (count != 1)}"
