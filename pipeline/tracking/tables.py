"""The tables of a seed, from which studies are aggregated, written as CSV."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

LAYER_TABLE = "layer_metrics.csv"
EPOCH_TABLE = "epoch_metrics.csv"
STEP_TABLE = "rwc_steps.csv"
LEVEL_TABLE = "equilibrium.csv"
COLUMNS = {
    LAYER_TABLE: ["epoch", "layer", "group", "metric", "value"],
    EPOCH_TABLE: ["epoch", "metric", "value"],
    STEP_TABLE: ["epoch", "step", "layer", "group", "value"],
}
LEVELS = ["layer", "group", "scale_invariant", "step_angle", "rwc", "epoch"]


class Table:
    """A table that grows by the epoch, as CSV: a float has the digits that make it the same float again.

    `text` is what it begins with, up to the epoch `last`.
    """

    def __init__(self, name: str, text: str = "", last: int = 0) -> None:
        self.name = name
        self._text = StringIO()
        self._writer = csv.writer(self._text, lineterminator="\n")
        self._writer.writerow(COLUMNS[name])
        rows = csv.reader(StringIO(text))
        next(rows, None)
        self._writer.writerows(row for row in rows if int(row[0]) <= last)

    def add(self, rows: Iterable[Sequence[object]]) -> None:
        self._writer.writerows(rows)

    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(StringIO(self.text)))

    @property
    def empty(self) -> bool:
        return self.text.count("\n") <= 1

    @property
    def text(self) -> str:
        return self._text.getvalue()
