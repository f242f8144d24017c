"""`python -m benchmarks.results RUN`: tables and figures of docs/results.md, from a run of compare and its studies."""

from pathlib import Path
from shutil import copy

import click
import mlflow
import pandas as pd

from benchmarks.report import ROOT, fill, markdown
from pipeline.analysis.paper import ELEMENTWISE, figure_medians
from pipeline.analysis.reports.folded_tables import INTERVAL, RANGE
from pipeline.analysis.reports.rendering import number
from pipeline.analysis.terms import WHOLE
from pipeline.tracking.run import COMPARED, setting_tag

PAGE = ROOT / "docs" / "results.md"
PICTURES = ROOT / "docs" / "figures" / "planned"
TEXTS = ("remarks", "measured by", "note")  # an empty one is read as NaN
OF_ALL = ("accuracies", "rwc_by_model")
OF_A_STUDY = ("equilibrium", "straightness", "terms")


@click.command()
@click.argument("run")
def main(run: str) -> None:
    """Write what the run of compare and its studies say into docs/results.md and docs/figures/planned/.

    A table replaces what stands between its marks; a picture is written where the page shows one of its name:
    <figure of compare>.png, or <label of a study>-<figure>.png, with - for spaces and signs.
    """
    studies = mlflow.get_run(run).data.tags[COMPARED].split(",")
    accuracies = _table(run, "accuracies")
    labels = dict(zip(studies, accuracies["study"], strict=False))
    cells = {label: _cell(study) for study, label in labels.items()}
    tables = {
        "accuracies": _accuracies(accuracies),
        "medians": _medians({label: (cells[label], _table(study, "layers")) for study, label in labels.items()}),
        "shares": _shares({label: _table(study, "terms") for study, label in labels.items()}),
        "claims": _claims(_table(run, "claims")),
        "depth": _depth({labels[study]: _table(study, "depth") for study in studies}),
    }
    for name, lines in tables.items():
        fill(PAGE, name, lines)
    text = PAGE.read_text()
    PICTURES.mkdir(parents=True, exist_ok=True)
    for source, figures, prefix in [
        (run, OF_ALL, ""),
        *((study, OF_A_STUDY, labels[study] + "-") for study in studies),
    ]:
        for figure in figures:
            name = "".join(letter if letter.isalnum() or letter in "._" else "-" for letter in f"{prefix}{figure}.png")
            if f"figures/planned/{name}" in text:
                copy(_artifact(source, f"figures/{figure}.png"), PICTURES / name)


def _artifact(run: str, path: str) -> Path:
    return Path(mlflow.artifacts.download_artifacts(run_id=run, artifact_path=path))


def _cell(study: str) -> tuple[str, str]:
    """Return model and data set of a study."""
    tags = mlflow.get_run(study).data.tags
    return tags[setting_tag("model_name")], tags[setting_tag("dataset")]


def _table(run: str, name: str) -> pd.DataFrame:
    return pd.read_csv(_artifact(run, f"tables/{name}.csv")).fillna(dict.fromkeys(TEXTS, ""))


def _accuracies(table: pd.DataFrame) -> list[str]:
    heading = ["study", "test accuracy, %", INTERVAL.heading, RANGE.heading, "n", "the paper, %", "remarks"]
    ran = table[table["n"] > 0]
    return markdown(
        heading,
        *(
            [
                row["study"],
                number(row["test_acc"], 4),
                INTERVAL.text(row),
                RANGE.text(row),
                str(row["n"]),
                number(row["paper"]),
                row["remarks"],
            ]
            for row in ran.to_dict("records")
        ),
    )


def _medians(studies: dict[str, tuple[tuple[str, str], pd.DataFrame]]) -> list[str]:
    """Return a line for each group of a study that the paper has: rwc_elementwise there and here, by the same rule.

    It is the median, over the group's layers and the epochs without the first, of the mean over the seeds.
    """
    lines = []
    for study, (cell, layers) in studies.items():
        here = layers[(layers["metric"] == ELEMENTWISE) & (layers["epoch"] > 1)]
        for group, (low, median) in figure_medians(*cell).items():
            ours = here.loc[here["group"] == group, "mean"]
            spread = f"{number(ours.quantile(0.25))} to {number(ours.quantile(0.75))}"
            lines.append([study, group, f"{median:g}", f"{low:g}", number(ours.median()), spread])
    heading = ["study", "group", "the paper: median", "lower quartile", "here: median", "quartiles"]
    return markdown(heading, *lines)


def _shares(tables: dict[str, pd.DataFrame]) -> list[str]:
    """Return a line for each study: the share of each term in the spread of ln rwc_elementwise over the layers."""
    lines = []
    for study, table in tables.items():
        share = table.dropna(subset="share").groupby("term")["share"].first()
        lines.append([study, *(f"{share[term]:.0%}" if term in share else "" for term in WHOLE)])
    return markdown(["study", *WHOLE], *lines)


def _claims(table: pd.DataFrame) -> list[str]:
    """Return a line for each study and claim that may have a verdict."""
    heading = ["study", "claim", "outcome", "ratio", INTERVAL.heading, RANGE.heading, "p (Holm)", "n", "why"]
    return markdown(
        heading,
        *(
            [row["study"], row["claim"], row["outcome"], number(row["ratio"]), INTERVAL.text(row), RANGE.text(row),
             number(row["p_holm"]), str(row["n"]), row["reason"]]
            for row in table[table["primary"]].to_dict("records")
        ),
    )  # fmt: skip


def _depth(tables: dict[str, pd.DataFrame]) -> list[str]:
    """Return a line for each study and set of layers, with correlation and p of their order, under RWC."""
    rows = []
    for study, table in tables.items():
        for row in table[table["measured by"] == "rwc"].to_dict("records"):
            seeds = row["note"] or (INTERVAL if row["low"] == row["low"] else RANGE).text(row)
            rows.append([study, row["layers"], f"{number(row['correlation'])} ({seeds})", number(row["order_p"])])
    return markdown(["study", "layers", "RWC and depth", "p of the order"], *rows)


if __name__ == "__main__":
    main()
