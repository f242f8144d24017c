"""Folded tables: columns without values are left out, and few seeds have a sentence that says why."""

import math

from pipeline.analysis.averages import FEW_SEEDS
from pipeline.analysis.reports.folded_tables import INTERVAL, OUTCOME, RANGE, SEEDS, numbers, table, words
from pipeline.analysis.reports.rendering import MISSING

MANY = {
    "what": "a",
    "outcome": "cannot tell",
    "mean": 1.0,
    "low": 0.9,
    "high": 1.1,
    "lowest": 0.8,
    "highest": 1.2,
    "n": 5,
}
FEW = MANY | {"what": "b", "low": math.nan, "high": math.nan, "n": 3}
COLUMNS = [words("what", "what"), words("outcome", "outcome", OUTCOME), numbers("mean", "mean"), INTERVAL, RANGE, SEEDS]


def test_a_column_without_any_value_is_left_out_and_the_reason_is_given() -> None:
    few = table([FEW], COLUMNS)
    assert [cell.text for cell in few.headings] == ["what", "outcome", "mean", "lowest to highest seed", "seeds"]
    assert [cell.text for cell in few.rows[0]] == ["b", "cannot tell", "1", "0.8 to 1.2", "3"]
    assert few.note == FEW_SEEDS


def test_one_row_of_few_seeds_among_others_has_a_dash() -> None:
    both = table([MANY, FEW], COLUMNS)
    assert [row[3].text for row in both.rows] == ["0.9 to 1.1", MISSING]
    assert (both.note, table([MANY], COLUMNS).note) == (FEW_SEEDS, "")


def test_a_table_that_never_has_intervals_needs_no_reason() -> None:
    assert table([FEW], [words("what", "what"), RANGE]).note == ""
    assert table([FEW | {"n": 0}], COLUMNS).note == "", "not run"


def test_the_class_of_an_outcome_is_its_last_word() -> None:
    assert table([MANY], COLUMNS).rows[0][1] == ("cannot tell", "tell")
