"""The table of docs/scale.md: a row a sweep, its rates computed; and a real small sweep."""

import json
from pathlib import Path

import pytest

from benchmarks.sweeps import FIGURES, measure, table

SWEEP = {
    "seeds": 1000,
    "workers": 2,
    "seconds": 1095.6,
    "training": 900.3,
    "a_seed": 1.3,
    "aggregation": 125.3,
    "requests": 77_800,
    "points": 11_013,
    "bytes_in_database": 38_800_000,
    "cores": {"server": 0.6, "PostgreSQL": 0.1, "the machine": 1.6},
}


def test_a_sweep_is_a_row_with_its_rates() -> None:
    rows = table({"uvloop": {"measured": [SWEEP]}})
    assert rows[2:] == [
        "| uvloop | 1,000 | 2 | 1,095.6 s | 900.3 s | 1.3 s | 66.6 | 125.3 s | 71 | 11,013 | 38.8 MB | 0.6, 0.1, 1.6 |"
    ]


def test_the_page_shows_the_stored_sweeps() -> None:
    page = (Path(__file__).parents[2] / "docs" / "scale.md").read_text()
    assert "\n".join(table(json.loads(FIGURES.read_text()))) in page


@pytest.mark.slow
def test_a_real_sweep_is_measured() -> None:
    (found,) = measure([(2, 1)])
    assert found.keys() == SWEEP.keys()
    assert found["seconds"] > found["training"] > found["a_seed"] > 0
    assert found["points"] > 2
    assert found["requests"] > found["points"]
    assert 0 < found["cores"]["server"] < found["cores"]["the machine"]
