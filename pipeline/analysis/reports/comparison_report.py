"""Figures, tables and compare.html of several studies."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.analysis.claims import not_learned
from pipeline.analysis.comparison import Compared, accuracy_table
from pipeline.analysis.figures import style
from pipeline.analysis.figures.comparison_figures import comparison_figures
from pipeline.analysis.page_claims import page_of_claims
from pipeline.analysis.reports.rendering import picture, render, rows

CAPTIONS = {
    "accuracies": "Accuracies next to the paper's",
    "rwc_by_model": "How much each layer changes on each data set, one panel per model",
    "rwc_by_dataset": "How much each layer of each model changes, one panel per data set",
}


def write_comparison(studies: Sequence[Compared], folder: Path) -> None:
    """Write figures/, tables/ and compare.html."""
    within, between = page_of_claims(studies)
    tables = {"accuracies": accuracy_table(studies), "claims": within, "claims_between": between}
    (folder / "tables").mkdir(parents=True)
    for name, table in tables.items():
        table.to_csv(folder / "tables" / f"{name}.csv", index=False)
    style.write_all(comparison_figures(studies, tables["accuracies"]), folder / "figures")
    text = render(
        "comparison_report.html.jinja",
        studies=[(study, not_learned(study.histories)) for study in studies],
        accuracies=rows(tables["accuracies"]),
        figures=[(caption, picture(folder / "figures" / f"{name}.png")) for name, caption in CAPTIONS.items()],
        between=rows(between),
        within=rows(within),
    )
    (folder / "compare.html").write_text(text, encoding="utf-8")
