"""Tables that a report folds below its figures, as data for table.html.jinja."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.analysis.averages import FEW_SEEDS, MIN_SEEDS
from pipeline.analysis.reports.rendering import MISSING, number

Row = Mapping[str, Any]
NUMBER, LONG = "n", "text"  # classes of report.css: aligned to the right; broken anywhere
OUTCOME = "outcome"  # of a verdict: its last word is the class


class Column(NamedTuple):
    """A heading, the text of a row, and the class of both; `of_five` says that only MIN_SEEDS and more have it."""

    heading: str
    text: Callable[[Row], str]
    kind: str = ""
    of_five: bool = False


class Cell(NamedTuple):
    text: str
    kind: str


class Table(NamedTuple):
    """The cells of a table; `note` says why some rows have neither interval nor p-value, if so."""

    headings: list[Cell]
    rows: list[list[Cell]]
    note: str


def table(rows: Iterable[Row], columns: Sequence[Column]) -> Table:
    """Return a table of those columns in which any row has a value; `n` of a row is its number of seeds."""
    rows = list(rows)
    texts = [[column.text(row) for row in rows] for column in columns]
    shown = [(column, its) for column, its in zip(columns, texts, strict=True) if {*its} - {MISSING, ""}]
    few = any(0 < row.get("n", MIN_SEEDS) < MIN_SEEDS for row in rows) and any(column.of_five for column in columns)
    return Table(
        [Cell(column.heading, column.kind if column.kind == NUMBER else "") for column, _its in shown],
        [[_cell(column, its[place]) for column, its in shown] for place in range(len(rows))],
        FEW_SEEDS if few else "",
    )


def _cell(column: Column, text: str) -> Cell:
    return Cell(text, text.split()[-1] if column.kind == OUTCOME else column.kind)


def words(heading: str, key: str, kind: str = "") -> Column:
    return Column(heading, lambda row: str(row.get(key, "")), kind)


def numbers(heading: str, key: str, digits: int = 3, *, of_five: bool = False) -> Column:
    return Column(heading, lambda row: number(row.get(key, math.nan), digits), NUMBER, of_five)


def counts(heading: str, key: str) -> Column:
    return Column(heading, lambda row: f"{row[key]:,.0f}" if key in row else "", NUMBER)


def span(heading: str, low: str, high: str, *, of_five: bool = False) -> Column:
    """Return a column of ranges, or of intervals."""

    def text(row: Row) -> str:
        return MISSING if row[low] != row[low] else f"{number(row[low])} to {number(row[high])}"

    return Column(heading, text, NUMBER, of_five)


RANGE = span("lowest to highest seed", "lowest", "highest")
PERCENT_RANGE = span("lowest to highest seed, %", "lowest", "highest")
INTERVAL = span("95 % interval", "low", "high", of_five=True)
SEEDS = counts("seeds", "n")
