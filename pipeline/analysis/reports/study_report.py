"""report.html of a study: one file that asks for nothing outside itself, for a browser, a narrow window or paper."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.analysis.claims import claims_table
from pipeline.analysis.depth import depth_table, group_table, window
from pipeline.analysis.distance_left import REMAINING, half_way_table
from pipeline.analysis.inference import effect
from pipeline.analysis.levels import equilibrium_table, expected_from
from pipeline.analysis.paper import ACCURACIES
from pipeline.analysis.reports.page import picture, render, rows
from pipeline.analysis.statistics import Histories, final_values
from pipeline.analysis.study_tables import seed_table
from pipeline.analysis.undefined import undefined_table

FIGURES = {
    "rwc_layers": "How much each layer changes in each epoch",
    "rwc_heatmap": "The same as a map: first layer on top, light is much",
    "size_bias": "Why rwc_elementwise does not compare layers: it grows with their size at equal true change",
    "equilibrium": "Scale-invariant layers beside the levels at which SGD with weight decay keeps them",
    "straightness": "How far each layer came in an epoch, over how far a random walk of its steps would have come",
    "remaining_distance": "What was left of each layer's way to its final weights",
    "accuracy_loss": "Accuracy and loss",
}


@dataclass(frozen=True)
class Facts:
    """What a report says beside the numbers; `runs` and `provenance` have a line {name: text} a seed."""

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
    """Write report.html into the folder whose figures/ it shows."""
    equilibrium = equilibrium_table(histories)
    text = render(
        "report.html.jinja",
        facts=facts,
        accuracy=effect(final_values(histories, "test_acc").to_numpy()),
        reported=ACCURACIES.get(facts.model, {}).get(facts.dataset),
        seeds=rows(seed_table(histories)),
        figures=_figures(folder / "figures"),
        groups=rows(group_table(histories)),
        depths=rows(depth_table(histories)),
        equilibrium=_by_layer(equilibrium),
        quantities=list(dict.fromkeys(equilibrium["quantity"])),
        expected_from=expected_from(histories),
        half_way=rows(half_way_table(histories)) if REMAINING in histories.measurements else [],
        claims=rows(claims_table(histories, facts.model, facts.dataset)),
        window=window(histories),
        left_out=_left_out(facts, histories),
        nan=math.nan,
        **_provenance(facts),
    )
    (folder / "report.html").write_text(text, encoding="utf-8")


def _by_layer(table: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """Return {layer: {quantity: row}}, for a line a layer."""
    layers: dict[str, dict[str, dict[str, float]]] = {}
    for row in table.to_dict("records"):
        layers.setdefault(row["layer"], {})[row["quantity"]] = {str(key): value for key, value in row.items()}
    return layers


def _provenance(facts: Facts) -> dict[str, object]:
    """Return `common`, what all seeds have in common, and `runs`, a line a seed with the rest."""
    first, *others = facts.provenance
    common = {key: value for key, value in first.items() if all(line[key] == value for line in others)}
    rest = [{key: value for key, value in line.items() if key not in common} for line in facts.provenance]
    return {"common": common, "runs": [run | line for run, line in zip(facts.runs, rest, strict=True)]}


def _figures(folder: Path) -> list[tuple[str, str]]:
    """Return the caption and the picture of each figure, the groups' ones after that of all layers."""
    names = sorted(path.stem for path in folder.glob("*.png"))
    first = [name for name in FIGURES if name in names]
    ordered = first[:1] + [name for name in names if name not in FIGURES] + first[1:]
    return [
        (
            FIGURES.get(name, f"The layers of {name.removeprefix('rwc_').replace('_', ', ')}"),
            picture(folder / f"{name}.png"),
        )
        for name in ordered
    ]


def _left_out(facts: Facts, histories: Histories) -> list[str]:
    """Return a sentence for everything that the numbers do not cover."""
    said = []
    if missing := [str(seed) for seed in facts.asked if seed not in histories.seeds]:
        said.append(f"Seeds that did not finish: {', '.join(missing)}.")
    last = window(histories)
    if longer := [seed for seed, epoch in histories.last_epochs.items() if epoch > last]:
        said.append(
            f"Comparisons use epochs 1 to {last}, which all seeds ran; {len(longer)} of {len(histories.seeds)} seeds "
            "ran longer, and their later epochs are in the figures alone."
        )
    for (metric, why), lines in undefined_table(histories).groupby(["metric", "why"], sort=False, observed=True):
        layers = ", ".join(lines["layer"].unique())
        said.append(f"{metric} is undefined {lines['times'].sum()} times, as {why}: {layers}.")
    zeros = histories.layers[(histories.layers["metric"] == "rwc_elementwise_zeros") & (histories.layers["value"] > 0)]
    if len(zeros):
        layers = ", ".join(zeros["layer"].unique())
        said.append(f"rwc_elementwise leaves out weights that were exactly zero: in {layers}.")
    return said
