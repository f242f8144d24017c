"""docs/load.json, and the tables that are made from it in docs/scale.md."""

import json
from typing import Any

from benchmarks.load.tables import tables
from benchmarks.report import ROOT

PAGE, FIGURES = ROOT / "docs" / "scale.md", ROOT / "docs" / "load.json"
BEGIN, END = "<!-- table: {}; made by `python -m benchmarks.load` -->\n", "<!-- end -->"


def load() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    return found


def keep(part: str, found: dict[str, Any]) -> None:
    """Replace what was measured of one part."""
    FIGURES.write_text(json.dumps(dict(sorted({**load(), part: found}.items())), indent=1) + "\n")


def write(found: dict[str, Any]) -> None:
    """Write the tables into the page, each between its marks."""
    text = PAGE.read_text()
    for name, lines in tables(found).items():
        before, mark, rest = text.partition(BEGIN.format(name))
        assert mark, f"{PAGE} has no place for the table {name}"
        text = before + mark + "\n" + "\n".join(lines) + "\n\n" + END + rest.partition(END)[2]
    PAGE.write_text(text)
