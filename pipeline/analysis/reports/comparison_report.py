"""Figures, tables and compare.html of several studies."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.analysis.comparison import Compared, accuracy_table, claims_between, claims_within
from pipeline.analysis.figures import style
from pipeline.analysis.figures.comparison_figures import comparison_figures
from pipeline.analysis.reports.rendering import picture, render, rows

CAPTIONS = {
    "accuracies": "Accuracies next to the paper's",
    "rwc_by_model": "How much each layer changes on each data set, one panel per model",
    "rwc_by_dataset": "How much each layer of each model changes, one panel per data set",
}


def write_comparison(studies: Sequence[Compared], folder: Path) -> None:
    """Write figures/, tables/ and compare.html."""
    tables = {
        "accuracies": accuracy_table(studies),
        "claims": claims_within(studies),
        "claims_between": claims_between(studies),
    }
    (folder / "tables").mkdir(parents=True)
    for name, table in tables.items():
        table.to_csv(folder / "tables" / f"{name}.csv", index=False)
    style.write_all(comparison_figures(studies, tables["accuracies"]), folder / "figures")
    text = render(
        "comparison_report.html.jinja",
        studies=studies,
        accuracies=rows(tables["accuracies"]),
        figures=[(caption, picture(folder / "figures" / f"{name}.png")) for name, caption in CAPTIONS.items()],
        between=rows(tables["claims_between"]),
        within=rows(tables["claims"]),
    )
    (folder / "compare.html").write_text(text, encoding="utf-8")
