"""report.html of a study: one self-contained file for screen and print."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.analysis.claims import PRIMARY, not_learned
from pipeline.analysis.paper import figure_medians
from pipeline.analysis.reports.folded_tables import LONG, Table, table, words
from pipeline.analysis.reports.rendering import render, rows
from pipeline.analysis.reports.report_columns import (
    CHANGES,
    CLAIMS,
    DEPTHS,
    EXPLORED,
    GROUPS,
    beside_levels,
    groups_by_ratio,
    layers_by_change,
    seeds_table,
)
from pipeline.analysis.reports.study_charts import (
    balance_charts,
    change_chart,
    elementwise_chart,
    other_charts,
    score_charts,
    terms_chart,
)
from pipeline.analysis.statistics import Histories
from pipeline.analysis.windows import interruptions


@dataclass(frozen=True)
class Facts:
    """What a report shows beside the statistics; `runs` and `provenance` have one {name: text} per seed."""

    name: str
    run_id: str
    model: str
    dataset: str
    digest: str
    asked: Sequence[int]
    settings: Mapping[str, str]
    runs: Sequence[dict[str, str]]
    provenance: Sequence[Mapping[str, str]]


def write_report(
    facts: Facts, histories: Histories, tables: Mapping[str, pd.DataFrame], sentences: Sequence[str], folder: Path
) -> None:
    """Write report.html: the sentences of the answer, charts, and a study's tables."""
    claims = tables["claims"]
    text = render(
        "study_report.html.jinja",
        facts=facts,
        answer=sentences,
        change=change_chart(histories),
        elementwise=elementwise_chart(histories, figure_medians(facts.model, facts.dataset)),
        terms=terms_chart(histories),
        scores=score_charts(histories),
        balance=balance_charts(histories),
        others=other_charts(histories),
        changes=table(layers_by_change(histories), CHANGES),
        groups=table(groups_by_ratio(tables["groups"]), GROUPS),
        depths=table(rows(tables["depth"]), DEPTHS),
        claims=table(rows(claims[claims["primary"]]), CLAIMS),
        explored=table(rows(claims[~claims["primary"]]), EXPLORED),
        seeds=seeds_table(tables["seeds"]),
        equilibrium=beside_levels(tables["equilibrium"]),
        not_learned=not_learned(histories),
        left_out=_left_out(facts, histories, tables["undefined"]),
        **_provenance(facts),
    )
    (folder / "report.html").write_text(text, encoding="utf-8")


def _provenance(facts: Facts) -> dict[str, Table]:
    """Return `settings`, with what all seeds have in common, and `runs`, one row per seed with the rest."""
    first, *others = facts.provenance
    common = {key: value for key, value in first.items() if all(line[key] == value for line in others)}
    rest = [{key: value for key, value in line.items() if key not in common} for line in facts.provenance]
    runs = [run | line for run, line in zip(facts.runs, rest, strict=True)]
    settings = [{"name": name, "value": value} for part in (facts.settings, common) for name, value in part.items()]
    return {
        "settings": table(settings, [words("setting", "name"), words("value", "value", LONG)]),
        "runs": table(runs, [words(name, name, LONG) for name in runs[0]]),
    }


def _left_out(facts: Facts, histories: Histories, undefined: pd.DataFrame) -> list[str]:
    """Return a sentence for everything that the statistics leave out."""
    sentences = []
    if missing := [str(seed) for seed in facts.asked if seed not in histories.seeds]:
        sentences.append(f"Seeds that did not finish: {', '.join(missing)}.")
    last = histories.last_epoch
    if shorter := [str(seed) for seed, epoch in histories.last_epochs.items() if epoch < last]:
        sentences.append(
            f"Seeds that ended before epoch {last}: {', '.join(shorter)}. Comparisons take the epochs of each seed, "
            "so these end earlier."
        )
    if ones := [str(seed) for seed, epoch in histories.last_epochs.items() if epoch == 1 < last]:
        sentences.append(f"Seeds of one epoch, which no comparison includes: {', '.join(ones)}.")
    if unequal := interruptions(histories, PRIMARY, list(histories.group_of)):
        sentences.append(f"{unequal}: no group or order of layers with these is compared.")
    for (metric, why), lines in undefined.groupby(["metric", "why"], sort=False, observed=True):
        layers = ", ".join(lines["layer"].unique())
        sentences.append(f"{metric} is undefined {lines['times'].sum()} times, because {why}: {layers}.")
    zeros = histories.layers.get("rwc_elementwise_zeros")
    if zeros is not None and (zeros > 0).any():
        layers = ", ".join(np.array(list(histories.group_of))[(zeros > 0).any(axis=(0, 2))])
        sentences.append(f"rwc_elementwise leaves out weights that were exactly zero, in {layers}.")
    return sentences
