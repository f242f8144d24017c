"""The history of a tracker is a long table, in memory and as CSV, with the last bit of every value."""

import math
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import nn

from pipeline.measure import LayerTracker, history, read_history, write_history
from pipeline.measure.history import Row, rows_of

VALUES = (1 / 3, 1e-300, 5e-324, 1.7976931348623157e308, -0.1, math.inf, math.nan, 0.0, 8.988465674311579e307)
ROWS = [Row(epoch, 'a "quoted", name', "rwc", value) for epoch, value in enumerate(VALUES, start=1)]


@pytest.fixture
def tracker() -> LayerTracker:
    """Of two layers whose weights grow by a half in the first epoch and are doubled in the second."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3))
    followed = LayerTracker(model, ["rwc", "weights"])
    for factor in (1.5, 2):
        with torch.no_grad():
            for layer in model:
                layer.weight.mul_(factor)
        followed.epoch_end()
    return followed


@pytest.fixture
def without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "find_spec", lambda _name: None)
    monkeypatch.setitem(sys.modules, "pandas", None)


def test_a_history_has_a_row_for_each_epoch_measurement_and_layer(tracker: LayerTracker) -> None:
    table = tracker.history
    assert list(table.columns) == ["epoch", "layer", "metric", "value"]
    assert table["epoch"].tolist() == [1, 1, 1, 1, 2, 2, 2, 2]
    assert table["layer"].tolist() == ["0", "1"] * 4
    assert table["metric"].tolist() == ["rwc", "rwc", "weights", "weights"] * 2
    assert table["value"].tolist() == pytest.approx([0.5, 0.5, 4, 6, 1, 1, 4, 6])


@pytest.mark.usefixtures("without_pandas")
def test_a_history_is_rows_where_pandas_is_missing(tracker: LayerTracker, tmp_path: Path) -> None:
    rows = tracker.history
    assert rows[0] == (1, "0", "rwc", pytest.approx(0.5))
    assert len(rows) == 8
    write_history(rows, tmp_path / "history.csv")
    assert read_history(tmp_path / "history.csv") == rows


def test_before_the_first_epoch_a_history_is_empty(tmp_path: Path) -> None:
    table = LayerTracker(nn.Linear(2, 2)).history
    assert (len(table), list(table.columns)) == (0, ["epoch", "layer", "metric", "value"])
    write_history(table, tmp_path / "history.csv")
    assert len(read_history(tmp_path / "history.csv")) == 0


def test_what_a_loop_does_with_its_measurements_does_not_change_the_history() -> None:
    tracker = LayerTracker(nn.Sequential(nn.Linear(2, 2)), ["rwc"])
    measured = tracker.epoch_end()
    measured["rwc"]["0"] = measured["loss"] = 9.0
    assert rows_of(tracker.history) == [(1, "0", "rwc", 0.0)]


@pytest.mark.parametrize("of", [list, pd.DataFrame], ids=["rows", "frame"])
def test_a_history_reads_back_from_its_csv_to_the_last_bit(of: type, tmp_path: Path) -> None:
    write_history(of(ROWS), tmp_path / "history.csv")
    read = rows_of(read_history(tmp_path / "history.csv"))
    assert repr(read) == repr(ROWS)  # to the last bit, and NaN is NaN


@pytest.mark.parametrize("index", [True, False])
def test_a_csv_that_pandas_wrote_reads_back_to_the_last_bit(index: bool, tmp_path: Path) -> None:
    pd.DataFrame(ROWS).to_csv(tmp_path / "history.csv", index=index)
    assert repr(rows_of(read_history(tmp_path / "history.csv"))) == repr(ROWS)


def test_layers_named_by_numbers_or_missing_values_stay_names(tmp_path: Path) -> None:
    rows = [Row(1, layer, "rwc", 0.5) for layer in ("0", "007", "nan", "None", "")]
    write_history(rows, tmp_path / "history.csv")
    table = read_history(tmp_path / "history.csv")
    assert table["layer"].tolist() == ["0", "007", "nan", "None", ""]


def test_another_table_is_refused_with_the_columns_of_a_history(tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text("epoch,value\n1,0.5\n")
    with pytest.raises(
        ValueError, match=r"scores\.csv has no column layer, metric; a history has epoch, layer, metric"
    ):
        read_history(tmp_path / "scores.csv")
