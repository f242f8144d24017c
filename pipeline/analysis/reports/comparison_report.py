"""Figures, tables and compare.html of several studies."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.analysis.answer import counted
from pipeline.analysis.claims import not_learned
from pipeline.analysis.comparison import NOT_RUN, Compared, accuracy_table
from pipeline.analysis.figures import style
from pipeline.analysis.figures.comparison_figures import comparison_figures
from pipeline.analysis.page_answer import page_answer
from pipeline.analysis.page_claims import LEFT_OUT, page_of_claims
from pipeline.analysis.reports.comparison_charts import accuracy_chart, claims_chart, depth_charts
from pipeline.analysis.reports.folded_tables import table
from pipeline.analysis.reports.line_charts import Chart
from pipeline.analysis.reports.rendering import render, rows
from pipeline.analysis.reports.report_columns import ACCURACIES, CLAIMS, EXPLORED, OF_GROUPS, STUDIES, groups_by_change
from pipeline.analysis.verdicts import ALIKE, CANNOT_TELL, HOLDS, NO_VERDICT, REVERSE

ORDER = (HOLDS, REVERSE, ALIKE, CANNOT_TELL, NO_VERDICT)


def write_comparison(studies: Sequence[Compared], folder: Path) -> list[str]:
    """Write figures/, tables/ and compare.html; return the sentences that the page opens with."""
    within, between = page_of_claims(studies)
    accuracies = accuracy_table(studies)
    said = page_answer(studies, within, between)
    (folder / "tables").mkdir(parents=True)
    for name, frame in {"accuracies": accuracies, "claims": within, "claims_between": between}.items():
        frame.to_csv(folder / "tables" / f"{name}.csv", index=False)
    style.write_all(comparison_figures(studies, accuracies), folder / "figures")
    text = render(
        "comparison_report.html.jinja",
        answer=said,
        studies=studies,
        accuracy=accuracy_chart(accuracies),
        accuracies=table(_accuracies(accuracies), ACCURACIES),
        panels=_panels(studies),
        groups=table(_groups(studies), OF_GROUPS),
        claims=claims_chart(_decided(between, within)),
        between=table(_decided(between), CLAIMS),
        within=table(_decided(within), CLAIMS),
        explored=table([row for frame in (between, within) for row in rows(frame[~frame["primary"]])], EXPLORED),
        left_out=_left_out(studies, accuracies, between),
        runs=table([_run(study) for study in studies], STUDIES),
    )  # fmt: skip
    (folder / "compare.html").write_text(text, encoding="utf-8")
    return said


def _panels(studies: Sequence[Compared]) -> list[tuple[str, dict[str, Chart]]]:
    """Return the charts of change against depth by network and by data set; first the way with fewer panels."""
    by_model = depth_charts(studies, lambda study: study.model)
    by_dataset = depth_charts(studies, lambda study: study.dataset)
    ways = sorted([("network", by_model), ("data set", by_dataset)], key=lambda way: len(way[1]))
    return ways if len(ways[1][1]) > 1 else ways[:1]


def _accuracies(accuracies: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of studies, the highest first, and then those of cells that were not run."""
    return rows(accuracies.sort_values("test_acc", ascending=False, kind="stable"))  # NaN goes last


def _groups(studies: Sequence[Compared]) -> list[dict[str, Any]]:
    return [{"study": study.label} | row for study in studies for row in groups_by_change(study.histories)]


def _decided(*claims: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows that may have a verdict: by outcome, those without any value last."""
    primary = [row for table in claims for row in rows(table[table["primary"]])]
    return sorted(primary, key=lambda row: (row["n"] == 0, ORDER.index(str(row["outcome"]))))


def _run(study: Compared) -> dict[str, Any]:
    its = {"study": study.label, "run": study.run_id, "seeds": study.accuracy.n, "remarks": study.remarks}
    return its | {"epochs": study.histories.last_epoch, "hindered": not_learned(study.histories)}


def _left_out(studies: Sequence[Compared], accuracies: pd.DataFrame, between: pd.DataFrame) -> list[str]:
    """Return a sentence for every study without verdicts, and for the pairs that are not compared."""
    hindered = [(study.label, not_learned(study.histories)) for study in studies]
    sentences = [f"{label} gives no verdicts: {why}." for label, why in hindered if why]
    primary = between[between["primary"]]
    for reason, pairs in primary[primary["reason"].str.startswith(LEFT_OUT)].groupby("reason", sort=False):
        sentences.append(f"{'; '.join(pairs['claim'])}: {reason}.")
    if missing := accuracies.loc[accuracies["remarks"] == NOT_RUN, "study"].tolist():
        needed = int(primary["reason"].str.startswith(NOT_RUN).sum())
        claims = f"; {counted(needed, 'claim')} about two studies cannot be tested without them" if needed else ""
        sentences.append(f"Of the paper's studies {len(missing)} were not run{claims}: {', '.join(missing)}.")
    return sentences
