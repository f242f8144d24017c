"""report.html of a study: one self-contained file for screen and print."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.analysis.claims import not_learned
from pipeline.analysis.inference import effect
from pipeline.analysis.paper import ACCURACIES
from pipeline.analysis.reports.rendering import picture, render, rows
from pipeline.analysis.statistics import Histories, final_values

CAPTIONS = {  # in the order of the report
    "rwc_layers": "How much each layer changes in each epoch",
    "rwc_heatmap": "The same as a heat map: first layer at the top, lighter means more change",
    "size_bias": "Why rwc_elementwise cannot compare layers: it contains the shape and the size of their weights",
    "equilibrium": "Scale-invariant layers beside the levels that they have in equilibrium under SGD with weight decay",
    "straightness": "Distance that each layer covered in an epoch, relative to a random walk with steps of that size",
    "remaining_distance": "Remaining distance of each layer to its final weights",
    "accuracy_loss": "Accuracy and loss",
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


def write_report(facts: Facts, histories: Histories, tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Write report.html from a study's tables, with the pictures of `folder`/figures."""
    equilibrium = tables["equilibrium"]
    text = render(
        "study_report.html.jinja",
        facts=facts,
        accuracy=effect(final_values(histories, "test_acc").to_numpy()),
        paper_accuracy=ACCURACIES.get(facts.model, {}).get(facts.dataset),
        seeds=rows(tables["seeds"]),
        figures=_figures(folder / "figures"),
        groups=rows(tables["groups"]),
        depths=rows(tables["depth"]),
        equilibrium=_by_layer(equilibrium),
        levels=dict(zip(equilibrium["quantity"], equilibrium["level"], strict=True)),
        claims=rows(tables["claims"]),
        not_learned=not_learned(histories),
        left_out=_left_out(facts, histories, tables["undefined"]),
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
    groups = {name: f"The layers of {name.removeprefix('rwc_').replace('_', ', ')}" for name in names}
    ordered = known[:1] + [name for name in names if name not in CAPTIONS] + known[1:]
    return [((groups | CAPTIONS)[name], picture(folder / f"{name}.png")) for name in ordered]


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
    for (metric, why), lines in undefined.groupby(["metric", "why"], sort=False, observed=True):
        layers = ", ".join(lines["layer"].unique())
        sentences.append(f"{metric} is undefined {lines['times'].sum()} times, because {why}: {layers}.")
    zeros = histories.layers[(histories.layers["metric"] == "rwc_elementwise_zeros") & (histories.layers["value"] > 0)]
    if len(zeros):
        layers = ", ".join(zeros["layer"].unique())
        sentences.append(f"rwc_elementwise leaves out weights that were exactly zero, in {layers}.")
    return sentences
