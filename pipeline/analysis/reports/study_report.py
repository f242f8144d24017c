"""report.html of a study: one self-contained file for screen and print."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.analysis.claims import claims_table
from pipeline.analysis.depth import depth_table, group_table
from pipeline.analysis.inference import effect
from pipeline.analysis.paper import ACCURACIES, ELEMENTWISE
from pipeline.analysis.reports.rendering import picture, render, rows
from pipeline.analysis.statistics import Histories, final_values
from pipeline.analysis.study_tables import REMAINING, equilibrium_table, half_way_table, seed_table, undefined_table

CAPTIONS = {  # in the order of the report
    "rwc_layers": "How much each layer changes in each epoch",
    "rwc_heatmap": "The same as a heat map: first layer at the top, lighter means more change",
    "size_bias": "Why rwc_elementwise cannot compare layers: at equal true change it grows with their size",
    "equilibrium": "Scale-invariant layers relative to their equilibrium level under SGD with weight decay",
    "straightness": "Distance that each layer covered in an epoch, relative to a random walk with steps of that size",
    "remaining_distance": "Remaining distance of each layer to its final weights",
    "accuracy_loss": "Accuracy and loss",
}


@dataclass(frozen=True)
class Facts:
    """What a report shows beside the statistics; `runs` and `provenance` have one {name: text} per seed.

    `paper` has the settings that the paper used, if it has such a study.
    """

    name: str
    run_id: str
    model: str
    dataset: str
    digest: str
    asked: Sequence[int]
    settings: Mapping[str, str]
    paper: Mapping[str, str]
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
        figures=_figures(folder / "figures"),
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


def _figures(folder: Path) -> list[tuple[str, str]]:
    """Return caption and picture of each figure; those of the groups follow that of all layers."""
    names = sorted(path.stem for path in folder.glob("*.png"))
    known = [name for name in CAPTIONS if name in names]
    groups = {name: _groups_caption(name) for name in names}
    ordered = known[:1] + [name for name in names if name not in CAPTIONS] + known[1:]
    return [((groups | CAPTIONS)[name], picture(folder / f"{name}.png")) for name in ordered]


def _groups_caption(name: str) -> str:
    if name.startswith(ELEMENTWISE):
        return f"The same in the paper's form, rwc_elementwise: {name.removeprefix(ELEMENTWISE)[1:].replace('_', ', ')}"
    return f"The layers of {name.removeprefix('rwc_').replace('_', ', ')}"


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
