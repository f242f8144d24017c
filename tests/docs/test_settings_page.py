"""The page of the settings: its table is that of the schema and of params.yaml."""

from dataclasses import fields

from docs.settings import PAGE, with_table
from pipeline.config.schema import Settings


def test_settings_page_has_the_table_that_the_schema_makes() -> None:
    page = PAGE.read_text()
    assert page == with_table(page), "run python -m docs.settings"


def test_table_has_a_row_per_setting_with_its_default_and_meaning() -> None:
    rows = [line for line in with_table("| old |\n").splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [setting.name for setting in fields(Settings)]
    assert "| `epochs` | `150` | passes over the training set; `paper`: as many as its figures show |" in rows
