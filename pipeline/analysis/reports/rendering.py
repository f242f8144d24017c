"""Rendering of self-contained HTML reports: templates, numbers, intervals and pictures."""

import base64
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.analysis.inference import Effect

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
    templates.filters |= {"number": number, "interval": interval}
    return templates.get_template(template).render(values)


def rows(table: pd.DataFrame) -> list[dict[str, object]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def picture(path: Path) -> str:
    """Return a PNG file in base64."""
    return base64.b64encode(path.read_bytes()).decode()


def number(value: float, digits: int = 3) -> str:
    """Return a number with `digits` significant digits, or a dash for NaN."""
    return MISSING if value != value else f"{value:.{digits}g}"


def interval(row: Effect | Mapping[str, float]) -> str:
    low, high = (row.low, row.high) if isinstance(row, Effect) else (row["low"], row["high"])
    return MISSING if low != low else f"{number(low)} to {number(high)}"
