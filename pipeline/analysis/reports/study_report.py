"""report.html of a study: one self-contained file for screen and print."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.analysis.claims import PRIMARY, not_learned
from pipeline.analysis.depth import layer_sizes
from pipeline.analysis.inference import effects
from pipeline.analysis.paper import ELEMENTWISE
from pipeline.analysis.reports.rendering import picture, render, rows
from pipeline.analysis.reports.study_charts import balance_charts, change_chart, other_charts, score_charts
from pipeline.analysis.statistics import Histories
from pipeline.analysis.windows import interruptions, mean_logs

PICTURES = {  # by the beginning of their names: a summary, and a caption
    "rwc_heatmap": (
        "Heat map of the same",
        "Relative weight change as a heat map: first layer at the top, lighter means more change",
    ),
    f"{ELEMENTWISE}_": (
        "The paper's form of these figures, rwc_elementwise",
        "Mean of |change| / |weight| of each layer in each epoch, which the paper's code computes",
    ),
    "terms": (
        "Why layers differ in rwc_elementwise",
        "What makes rwc_elementwise larger or smaller in a layer: size and shape of its weights, its motion, the rest",
    ),
}


MOST_PICTURES = 3  # of one kind, as many as the paper's networks need at most


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
    """Write report.html: the sentences of the answer, charts, a study's tables, and pictures of `folder`/figures."""
    equilibrium = tables["equilibrium"]
    text = render(
        "study_report.html.jinja",
        facts=facts,
        answer=sentences,
        changes=_changes(histories),
        change=change_chart(histories),
        scores=score_charts(histories),
        balance=balance_charts(histories),
        others=other_charts(histories),
        pictures=_pictures(folder / "figures"),
        seeds=rows(tables["seeds"]),
        groups=_sorted(tables["groups"]),
        depths=rows(tables["depth"]),
        equilibrium=_by_layer(equilibrium),
        levels=shared_levels(equilibrium),
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


def shared_levels(table: pd.DataFrame) -> dict[str, float]:
    """Return the level of each quantity, which all scale-invariant layers share; straightness 1 where none is."""
    of_invariant = table.sort_values("scale_invariant", kind="stable")  # the last row of a quantity counts
    return dict(zip(of_invariant["quantity"], of_invariant["level"], strict=True))


def _provenance(facts: Facts) -> dict[str, object]:
    """Return `common`, what all seeds have in common, and `runs`, one row per seed with the rest."""
    first, *others = facts.provenance
    common = {key: value for key, value in first.items() if all(line[key] == value for line in others)}
    rest = [{key: value for key, value in line.items() if key not in common} for line in facts.provenance]
    return {"common": common, "runs": [run | line for run, line in zip(facts.runs, rest, strict=True)]}


def _changes(histories: Histories) -> list[dict[str, object]]:
    """Return each layer's change in percent, the largest first; only layers that changed."""
    found = effects(mean_logs(histories, "rwc"))
    layers = pd.DataFrame({"layer": list(histories.group_of), "group": list(histories.group_of.values())})
    for name, column in {"change": "mean", "lowest": "lowest", "highest": "highest"}.items():
        layers[name] = 100 * np.exp(found[column])
    layers["weights"] = layers["layer"].map(layer_sizes(histories))
    return rows(layers.dropna(subset="change").sort_values("change", ascending=False, kind="stable"))


def _sorted(groups: pd.DataFrame) -> list[dict[str, object]]:
    """Return the ratios of groups, the largest of each measurement and window first."""
    parts = groups.groupby(["measured by", "window"], sort=False)
    return [row for _part, table in parts for row in rows(table.sort_values("mean", ascending=False, kind="stable"))]


def _pictures(folder: Path) -> list[tuple[str, str, list[str], list[str]]]:
    """Return summary, caption and pictures of the figures that are no line charts, and the names of those left out.

    A network of many groups has a figure for each pair of neighbours, of up to 2 MB: more than MOST_PICTURES of one
    kind are all left out.
    """
    found = [(*texts, sorted(folder.glob(f"{name}*.png"))) for name, texts in PICTURES.items()]
    parts = []
    for summary, caption, paths in found:
        few = len(paths) <= MOST_PICTURES
        if paths:
            pictures, others = (list(map(picture, paths)), []) if few else ([], [path.name for path in paths])
            parts.append((summary, caption, pictures, others))
    return parts


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
