"""What a tracker measured as a long table: a row for each epoch, layer and measurement, in memory and as CSV."""

import csv
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from pandas import DataFrame

History: TypeAlias = "DataFrame | list[Row]"
Measured = dict[str, dict[str, float]]


class Row(NamedTuple):
    """A value of a layer; `epoch` counts the calls of `epoch_end`, from 1."""

    epoch: int
    layer: str
    metric: str
    value: float


def history_of(calls: Iterable[Mapping[str, Mapping[str, float]]]) -> History:
    """Return the table of what `epoch_end` returned, call by call; a DataFrame where pandas is installed."""
    return _table([
        Row(epoch, layer, metric, value)
        for epoch, measured in enumerate(calls, start=1)
        for metric, values in measured.items()
        for layer, value in values.items()
    ])  # fmt: skip


def rows_of(history: "History | Iterable[Row]") -> list[Row]:
    """Return the rows of a history in either form; a DataFrame may have other columns too."""
    frame: Any = history
    columns = [frame[name].tolist() for name in Row._fields] if hasattr(frame, "columns") else zip(*frame, strict=True)
    return [Row(*row) for row in zip(*columns, strict=True)]


def write_history(history: "History | Iterable[Row]", path: str | PathLike[str]) -> None:
    """Write a history as CSV, with all digits."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([Row._fields, *rows_of(history)])


def read_history(path: str | PathLike[str]) -> History:
    """Return the history that `write_history`, or pandas, wrote: to the last bit, which `pandas.read_csv` may miss.

    ValueError for a table without the columns of a history.
    """
    with Path(path).open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if missing := set(Row._fields).difference(reader.fieldnames or ()):
            raise ValueError(
                f"{path} has no column {', '.join(sorted(missing))}; a history has {', '.join(Row._fields)}"
            )
        texts = [[each[name] for name in Row._fields] for each in reader]
    return _table([
        Row(int(epoch), layer, metric, float(value or "nan")) for epoch, layer, metric, value in texts
    ])  # fmt: skip


def _table(rows: list[Row]) -> History:
    if find_spec("pandas") is None:
        return rows
    from pandas import DataFrame

    return DataFrame(rows, columns=list(Row._fields))
