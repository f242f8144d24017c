"""The report of a comparison is one self-contained file; names are escaped."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from pipeline.analysis.comparison import Compared
from pipeline.analysis.reports.comparison_report import write_comparison


def test_report_is_self_contained_and_escapes_names(compared: Callable[..., Compared], tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    made = compared("FMNIST")
    write_comparison([replace(made, run_id=evil, label=evil, dataset=evil, paper={}), made], tmp_path)
    text = (tmp_path / "compare.html").read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not re.search(r"""(src|href)=["'](?!data:)|url\(|@import|<link""", text)
    assert text.count("data:image/png;base64,") == 3
    assert {path.name for path in (tmp_path / "tables").iterdir()} == {
        "accuracies.csv", "claims.csv", "claims_between.csv",
    }  # fmt: skip
    assert len(pd.read_csv(tmp_path / "tables" / "accuracies.csv")) == 13
