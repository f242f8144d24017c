"""Rendering of self-contained HTML reports: templates, rows and numbers."""

from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

MISSING = "\N{EN DASH}"


def render(template: str, **values: object) -> str:
    """Return a template of this folder rendered with values, which are escaped."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,  # names of files, classes and settings are input
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template(template).render(values)


def rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def number(value: float, digits: int = 3) -> str:
    """Return a number with `digits` significant digits, or a dash for NaN."""
    return MISSING if value != value else f"{value:.{digits}g}"
