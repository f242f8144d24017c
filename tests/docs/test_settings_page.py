"""The page of the settings: its tables are those of the schema and of params.yaml."""

from dataclasses import fields

from docs.settings import PAGE, with_tables
from pipeline.config.schema import SECTIONS, Settings


def test_settings_page_has_the_tables_that_the_schema_makes() -> None:
    page = PAGE.read_text()
    assert page == with_tables(page), "run python -m docs.settings"


def test_tables_have_a_row_per_setting_with_its_default_and_meaning_below_its_section() -> None:
    lines = with_tables("<!-- tables -->former<!-- end -->\n").splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [setting.name for setting in fields(Settings)]
    assert "| `epochs` | `150` | passes over the training set; `paper`: as many as the paper shows |" in rows
    assert [line.removeprefix("## ") for line in lines if line.startswith("#")] == list(SECTIONS.values())
    assert "former" not in " ".join(lines)
