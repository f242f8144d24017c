"""The tables of docs/settings.md, from the settings and params.yaml: `python -m docs.settings` writes them there."""

import re
from pathlib import Path

from pipeline.config.params import read_params
from pipeline.config.schema import in_sections

PAGE = Path(__file__).with_suffix(".md")
TABLES = re.compile(r"<!-- tables -->.*?<!-- end -->", flags=re.DOTALL)


def with_tables(page: str) -> str:
    """Return the page with a section for each group of settings, a line a setting, in place of its tables."""
    defaults = read_params()
    parts = ["<!-- tables -->"]
    for title, settings in in_sections().items():
        parts += ["", f"## {title}", "", "| setting | default | meaning |", "|---|---|---|"]
        parts += [f"| `{each.name}` | `{defaults[each.name]}` | {each.metadata['meaning']} |" for each in settings]
    tables = "\n".join([*parts, "", "<!-- end -->"])
    return TABLES.sub(lambda _old: tables, page)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
