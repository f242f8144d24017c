"""What a study shows, in at most eight sentences that a person can repeat: its report and its page open with them."""

from collections import Counter
from collections.abc import Mapping
from pathlib import PurePath

import numpy as np
import pandas as pd

from pipeline.analysis.averages import MIN_SEEDS
from pipeline.analysis.claims import not_learned
from pipeline.analysis.inference import Effect, same
from pipeline.analysis.most_and_least import most_and_least
from pipeline.analysis.paper import ACCURACIES
from pipeline.analysis.statistics import Histories, accuracy
from pipeline.analysis.verdicts import ALIKE, CANNOT_TELL, HOLDS, NO_VERDICT, REVERSE, order_may_be_any

FEW_EPOCHS = 10
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
    sentences = [
        _what_ran(histories, model, dataset, asked),
        _accuracy(histories, model, dataset, paper),
        *most_and_least(histories, not_learned(histories)),
    ]
    return [sentence for sentence in sentences if sentence]


def _what_ran(histories: Histories, model: str, dataset: str, asked: int) -> str:
    count, ends = len(histories.seeds), sorted(set(histories.last_epochs.values()))
    seeds = f"{count} of {asked} seeds" if count < asked else counted(count, "seed")
    epochs = f"{ends[0]} to {ends[-1]} epochs, as some stopped early" if len(ends) > 1 else counted(ends[0], "epoch")
    network, images = model.rpartition(":")[2], PurePath(dataset).stem if dataset.endswith(".npz") else dataset
    return f"{network} was trained on {images} with {seeds} for {epochs}."


def _accuracy(histories: Histories, model: str, dataset: str, paper: Mapping[str, str]) -> str:
    found = accuracy(histories)
    beside = ""
    if paper:
        beside = f"; the paper reports {ACCURACIES[model][dataset]:.1f} % after up to {paper['epochs']} epochs"
    return f"It classifies {found.mean:.1f} % of the test images correctly ({accuracy_spread(found)}){beside}."


def accuracy_spread(found: Effect) -> str:
    """Return the spread of an accuracy, percent, over the seeds in words: the interval, or the range of few seeds."""
    if np.isfinite(found.low):
        return f"95 % interval of the mean over {found.n} seeds: {found.low:.1f} to {found.high:.1f} %"
    if found.n == 1:
        return "one seed, so no interval"
    if same(found.lowest, found.highest):
        return "the same in all seeds"
    return f"{found.lowest:.1f} to {found.highest:.1f} % in single seeds"


def _claims(claims: pd.DataFrame, model: str, dataset: str) -> str:
    outcomes = [row["outcome"] for row in claims.to_dict("records") if row["primary"]]
    if not outcomes:
        return ""
    counts = Counter(outcomes)
    told = [phrase.format(counts[outcome]) for outcome, phrase in OUTCOMES.items() if counts[outcome]]
    orders = [row["order_p"] for row in claims.to_dict("records") if row["primary"] and order_may_be_any(row)]
    beside = f"; the order of the layers by depth could be any (p = {orders[0]:.2g})" if orders else ""
    return f"Of the paper's {counted(len(outcomes), 'claim')} about {model} on {dataset}: {', '.join(told)}{beside}."


def _equilibrium(table: pd.DataFrame) -> str:
    layers = table[table["scale_invariant"].astype(bool)].drop_duplicates("layer")
    if layers.empty:
        return "No layer has a level of equilibrium: none is scale-invariant, or there is no weight decay."
    known = layers[layers["equilibrium"] != ""]
    if known.empty:
        return "Whether its layers are in equilibrium is unknown: their norms were not measured over two epochs."
    balanced, of = int((known["equilibrium"] == "yes").sum()), counted(len(known), "scale-invariant layer")
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
    return f"{counted(seeds, 'seed').capitalize()} and {counted(last, 'epoch')} cannot say {'; '.join(unsaid)}."


def counted(count: int, what: str) -> str:
    """Return a number of things in words."""
    return f"{'one' if count == 1 else count} {what}{'s' * (count != 1)}"
