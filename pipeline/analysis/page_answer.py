"""What a page of several studies shows, in at most eight sentences: compare.html and its run open with them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.analysis.answer import accuracy_spread, counted
from pipeline.analysis.averages import MIN_SEEDS
from pipeline.analysis.comparison import NOT_RUN, Compared
from pipeline.analysis.most_and_least import changed_most
from pipeline.analysis.page_claims import LEFT_OUT
from pipeline.analysis.paper import ACCURACIES
from pipeline.analysis.verdicts import ALIKE, CANNOT_TELL, HOLDS, NEEDED_SEEDS, NO_VERDICT, REVERSE

MOST_NAMED = 4  # studies, or claims, in one sentence
OUTCOMES = {
    HOLDS: "What the paper claims holds in",
    REVERSE: "The reverse of its claim is shown in",
    ALIKE: "Both are alike, within 10 %, in",
    CANNOT_TELL: "These seeds cannot tell in",
}


def page_answer(studies: Sequence[Compared], within: pd.DataFrame, between: pd.DataFrame) -> list[str]:
    """Return the sentences, written from the numbers; `within` and `between` are those of `page_of_claims`."""
    tables = [table[table["primary"]] for table in (between, within)]
    claims = [{str(key): value for key, value in row.items()} for table in tables for row in table.to_dict("records")]
    sentences = [_compared(studies), _accuracies(studies), _changed_most(studies)]
    sentences += [_outcome(outcome, claims) for outcome in OUTCOMES]
    return [sentence for sentence in [*sentences, _without_verdict(claims)] if sentence]


def claim_name(row: Mapping[str, Any]) -> str:
    """Return a claim with the study that it is tested in, if it is about one."""
    return f"{row['study']}: {row['claim']}" if "study" in row else str(row["claim"])


def _compared(studies: Sequence[Compared]) -> str:
    facts = []
    for study in studies:
        ends = sorted(study.histories.last_epochs.values())
        epochs = counted(ends[0], "epoch") if ends[0] == ends[-1] else f"{ends[0]} to {ends[-1]} epochs"
        facts.append(f"{study.label} ({counted(len(ends), 'seed')}, {epochs})")
    return f"{'Compared are' if len(studies) > 1 else 'There is one study:'} {_listed(facts)}."


def _accuracies(studies: Sequence[Compared]) -> str:
    said = []
    for study in sorted(studies, key=lambda study: -study.accuracy.mean):
        paper = ACCURACIES.get(study.model, {}).get(study.dataset)
        beside = f"; the paper {paper:.1f} %" if paper else ""
        said.append(f"{study.label} {study.accuracy.mean:.1f} % ({accuracy_spread(study.accuracy)}{beside})")
    return f"Test accuracy, the highest first: {_listed(said)}."


def _changed_most(studies: Sequence[Compared]) -> str:
    found = [(study.label, changed_most(study.histories)) for study in studies]
    said = [f"in {label} {most}" for label, most in found if most]
    return f"What changed most in an epoch (RWC): {_listed(said)}." if said else ""


def _outcome(outcome: str, claims: Sequence[Mapping[str, Any]]) -> str:
    names = [claim_name(row) for row in claims if row["outcome"] == outcome]
    return f"{OUTCOMES[outcome]} {counted(len(names), 'case')}: {_listed(names)}." if names else ""


def _without_verdict(claims: Sequence[Mapping[str, Any]]) -> str:
    why = Counter(_why(row["reason"]) for row in claims if row["outcome"] == NO_VERDICT)
    not_run = why.pop(NOT_RUN, 0)
    if len(claims) == not_run:
        return "The paper makes no claims about these studies alone; those about two studies need others."
    said = f"No verdict in {counted(why.total(), 'case')}: {', '.join(f'{n} {each}' for each, n in why.items())}"
    more = f"{not_run} more are about studies that were not run" if not_run else ""
    return f"{'; '.join(filter(None, [said * bool(why), more]))}." if why or more else ""


def _why(reason: str) -> str:
    """Return why there is no verdict, as the end of a sentence that begins with a number."""
    if reason.startswith(NOT_RUN):
        return NOT_RUN
    if reason.startswith(LEFT_OUT):
        return "for settings that differ"
    return f"for fewer than {MIN_SEEDS} seeds" if reason.endswith(NEEDED_SEEDS) else "for other reasons, below"


def _listed(parts: Sequence[str]) -> str:
    """Return the parts, or the first of many and the number of the others."""
    more = len(parts) - MOST_NAMED
    return "; ".join(parts) if more <= 0 else f"{'; '.join(parts[:MOST_NAMED])}; and {more} more, below"
