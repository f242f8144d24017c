"""What a terminal shows: colours where it takes them, aligned tables, nothing where silence was asked for."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partialmethod
from pathlib import Path
from textwrap import wrap
from typing import Any, TextIO

import click
from tqdm import tqdm

STDOUT = 1
WIDTH = 100
NO_BARS = "TQDM_DISABLE"  # tqdm's own variable


def coloured(text: str, colour: str, stream: TextIO) -> str:
    """Return a text in a colour where the stream takes one: no file, no pipe, no NO_COLOR (https://no-color.org)."""
    takes_colour = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return click.style(text, fg=colour, bold=True) if takes_colour else text


def shows_bars() -> bool:
    """Say whether bars are seen: on a terminal, unless they are switched off."""
    return sys.stderr.isatty() and not os.environ.get(NO_BARS)


def width() -> int:
    """Return how many characters a line may have."""
    return min(WIDTH, shutil.get_terminal_size((WIDTH, 1)).columns)


def table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield aligned lines; numbers stand to the right, and the last column is wrapped."""
    *columns, _last = zip(*rows, strict=True)
    for row in rows:
        start = ""
        for cell, column in zip(row, columns, strict=False):
            numbers = all(below.replace(",", "").isdigit() for below in column[1:])
            size = max(map(len, column))
            start += f"{cell:>{size}}  " if numbers else f"{cell:<{size}}  "
        yield from wrap(row[-1], width(), initial_indent=start, subsequent_indent=" " * len(start)) or [start.rstrip()]


def hush() -> None:
    """Show nothing on stdout and no bars from now on, in this process and in those that it starts; stderr stays."""
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), STDOUT)
    os.environ[NO_BARS] = "1"
    # tqdm reads the variable as it is imported; torchvision draws bars of downloads with it
    tqdm.__init__ = partialmethod(tqdm.__init__, disable=True)  # type: ignore[method-assign, assignment]


def _hush_if_quiet(_context: click.Context, _option: click.Parameter, quiet: bool) -> None:
    if quiet:
        hush()


# `mlflow run -P quiet=true` gives it as --quiet true
_TRUE_OR_FALSE = click.Choice((True, False), case_sensitive=False)
_QUIET: dict[str, Any] = {"type": _TRUE_OR_FALSE, "is_flag": False, "flag_value": "true", "default": False}
hushable: Callable[[click.Command], click.Command] = click.option(
    "--quiet",
    callback=_hush_if_quiet,
    expose_value=False,
    help="print nothing but what goes wrong, on stderr",
    **_QUIET,
)
quiet_option: Callable[[Callable[..., None]], Callable[..., None]] = click.option(
    "--quiet", help="print notes and fixes alone", **_QUIET
)
