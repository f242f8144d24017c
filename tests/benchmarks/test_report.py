"""Tables in pages: each figure has its origin and whether its target holds; text around a table stays."""

import json
from pathlib import Path

import pytest

from benchmarks.report import FIGURES, PAGE, Figure, fill, markdown, table


def test_a_line_a_figure_with_its_origin() -> None:
    def part(date: str, holds: bool | None) -> dict:
        figure = Figure("an epoch", "the floor", "1.05", "at most 1.06", holds)
        return {"machine": "M", "date": date, "commit": "c", "figures": [figure._asdict()]}

    lines = table({"a": part("2026-01-01", True), "b": part("2026-01-01", False), "c": part("2026-02-02", None)})
    assert "| a [1] | an epoch | the floor | 1.05 | at most 1.06 | holds |" in lines
    assert "| b [1] | an epoch | the floor | 1.05 | at most 1.06 | **does not hold** |" in lines
    assert "| c [2] | an epoch | the floor | 1.05 | at most 1.06 | cannot tell |" in lines
    assert lines.count("[1] 2026-01-01, commit c: M  ") == 1


def test_a_table_is_replaced_between_its_marks_and_the_rest_of_the_page_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table: a -->\nold\n<!-- end -->\n<!-- table: b -->\nb\n<!-- end -->\n")
    fill(page, "a", markdown(["x", "y"], ["1", "2"]))
    table_a = "\n| x | y |\n| --- | --- |\n| 1 | 2 |\n\n"
    assert page.read_text() == f"before\n<!-- table: a -->\n{table_a}<!-- end -->\n<!-- table: b -->\nb\n<!-- end -->\n"
    with pytest.raises(AssertionError, match="has no mark of the table c"):
        fill(page, "c", [])


def test_the_page_shows_the_stored_figures() -> None:
    assert "\n".join(table(json.loads(FIGURES.read_text()))) in PAGE.read_text()
