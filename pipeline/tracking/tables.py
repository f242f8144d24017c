"""The tables of a seed, from which studies are aggregated: written as CSV, and read back to the last bit."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

import pandas as pd

LAYER_TABLE = "layer_metrics.csv"
EPOCH_TABLE = "epoch_metrics.csv"
STEP_TABLE = "rwc_steps.csv"
LEVEL_TABLE = "equilibrium.csv"
COLUMNS = {
    LAYER_TABLE: ["epoch", "layer", "group", "metric", "value"],
    EPOCH_TABLE: ["epoch", "metric", "value"],
    STEP_TABLE: ["epoch", "step", "layer", "group", "value"],
}
SCALARS, LAYERS = (["seed", *COLUMNS[name]] for name in (EPOCH_TABLE, LAYER_TABLE))  # of several seeds
LEVELS = ["layer", "group", "scale_invariant", "step_angle", "rwc", "epoch"]
NUMBERS = ("seed", "epoch", "value")


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


def read_table(path: Path, seed: int) -> pd.DataFrame:
    """Return a table with the seed as its first column; texts are categories, a byte or two a row."""
    texts = [column for column in COLUMNS[path.name] if column not in NUMBERS]
    # a layer may be called "nan", so only values are read as missing, or "0", which as a category would be a number
    table = pd.read_csv(
        path,
        keep_default_na=False,
        na_values={"value": ["nan"]},
        dtype=dict.fromkeys(texts, "str") | {"value": "float64"},
    ).astype(dict.fromkeys(texts, "category"))
    table.insert(0, "seed", seed)
    return table


def stack(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all tables, in order, with categories that hold for all of them."""
    texts = [column for column in tables[0] if column not in NUMBERS]
    kinds = {
        column: pd.CategoricalDtype(
            list(dict.fromkeys(text for table in tables for text in table[column].cat.categories))
        )
        for column in texts
    }
    return pd.concat([table.astype(kinds) for table in tables], ignore_index=True)
