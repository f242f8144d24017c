"""The table of docs/settings.md, made from the settings and params.yaml: `python -m docs.settings` writes it there."""

import re
from dataclasses import fields
from pathlib import Path

from pipeline.config.params import read_params
from pipeline.config.schema import Settings

PAGE = Path(__file__).with_suffix(".md")


def with_table(page: str) -> str:
    """Return the page with a line per setting, in Markdown, in place of its table."""
    defaults = read_params()
    rows = [f"| `{each.name}` | `{defaults[each.name]}` | {each.metadata['meaning']} |\n" for each in fields(Settings)]
    table = "".join(["| setting | default | meaning |\n|---|---|---|\n", *rows])
    return re.sub(r"(^\|.*\n)+", lambda _old: table, page, count=1, flags=re.MULTILINE)


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
