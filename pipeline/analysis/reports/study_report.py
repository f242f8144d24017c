"""report.html of a study: one self-contained file for screen and print."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.analysis.claims import claims_table
from pipeline.analysis.depth import depth_table, group_table
from pipeline.analysis.inference import effect
from pipeline.analysis.paper import ACCURACIES
from pipeline.analysis.reports.rendering import picture, render, rows
from pipeline.analysis.reports.study_charts import (
    change_chart,
    level_charts,
    remaining_chart,
    score_charts,
    straightness_chart,
)
from pipeline.analysis.statistics import Histories, final_values
from pipeline.analysis.study_tables import REMAINING, equilibrium_table, half_way_table, seed_table, undefined_table

CAPTIONS = {
    "rwc_heatmap": "Relative weight change as a heat map: first layer at the top, lighter means more change",
    "size_bias": "At equal true change, rwc_elementwise grows with the size of a layer",
}


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


def write_report(facts: Facts, histories: Histories, folder: Path) -> None:
    """Write report.html with the pictures of `folder`/figures."""
    equilibrium = equilibrium_table(histories)
    text = render(
        "study_report.html.jinja",
        facts=facts,
        accuracy=effect(final_values(histories, "test_acc").to_numpy()),
        paper_accuracy=ACCURACIES.get(facts.model, {}).get(facts.dataset),
        seeds=rows(seed_table(histories)),
        change=change_chart(histories),
        scores=score_charts(histories),
        levels=list(level_charts(histories)),
        straightness=straightness_chart(histories),
        remaining=remaining_chart(histories),
        captions=CAPTIONS,
        pictures=_pictures(folder / "figures"),
        groups=rows(group_table(histories)),
        depths=rows(depth_table(histories)),
        equilibrium=_by_layer(equilibrium),
        quantities=list(dict.fromkeys(equilibrium["quantity"])),
        equilibrium_epoch=histories.equilibrium_epoch,
        half_way=rows(half_way_table(histories)) if REMAINING in histories.measurements else [],
        claims=rows(claims_table(histories, facts.model, facts.dataset)),
        last=histories.last_common_epoch,
        left_out=_left_out(facts, histories),
        nan=math.nan,
        **_provenance(facts),
    )
    (folder / "report.html").write_text(text, encoding="utf-8")


def _by_layer(table: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """Return {layer: {quantity: row}}."""
    layers: dict[str, dict[str, dict[str, float]]] = {}
    for row in table.to_dict("records"):
        layers.setdefault(row["layer"], {})[row["quantity"]] = {str(key): value for key, value in row.items()}
    return layers


def _provenance(facts: Facts) -> dict[str, object]:
    """Return `common`, what all seeds have in common, and `runs`, one row per seed with the rest."""
    first, *others = facts.provenance
    common = {key: value for key, value in first.items() if all(line[key] == value for line in others)}
    rest = [{key: value for key, value in line.items() if key not in common} for line in facts.provenance]
    return {"common": common, "runs": [run | line for run, line in zip(facts.runs, rest, strict=True)]}


def _pictures(folder: Path) -> dict[str, str]:
    """Return the figures that are no line charts, by name."""
    paths = {name: folder / f"{name}.png" for name in CAPTIONS}
    return {name: picture(path) for name, path in paths.items() if path.exists()}


def _left_out(facts: Facts, histories: Histories) -> list[str]:
    """Return a sentence for everything that the statistics leave out."""
    sentences = []
    if missing := [str(seed) for seed in facts.asked if seed not in histories.seeds]:
        sentences.append(f"Seeds that did not finish: {', '.join(missing)}.")
    last = histories.last_common_epoch
    if longer := [seed for seed, epoch in histories.last_epochs.items() if epoch > last]:
        sentences.append(
            f"Comparisons use epochs 1 to {last}, which all seeds ran; {len(longer)} of {len(histories.seeds)} seeds "
            "ran longer, and only the figures show their later epochs."
        )
    for (metric, why), lines in undefined_table(histories).groupby(["metric", "why"], sort=False, observed=True):
        layers = ", ".join(lines["layer"].unique())
        sentences.append(f"{metric} is undefined {lines['times'].sum()} times, because {why}: {layers}.")
    zeros = histories.layers[(histories.layers["metric"] == "rwc_elementwise_zeros") & (histories.layers["value"] > 0)]
    if len(zeros):
        layers = ", ".join(zeros["layer"].unique())
        sentences.append(f"rwc_elementwise leaves out weights that were exactly zero, in {layers}.")
    return sentences
