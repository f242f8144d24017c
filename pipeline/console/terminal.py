"""What a terminal can show: colours, aligned lines of its width, a bar or a table below the messages."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TextIO

import click
from rich.console import Console

from pipeline.console.messages import is_quiet

WIDTH = 100
LAST = 20  # characters of the last column, however narrow the terminal


def coloured(text: str, colour: str, stream: TextIO) -> str:
    """Return a text in a colour where the stream takes one: no file, no pipe, no NO_COLOR (https://no-color.org)."""
    takes_colour = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return click.style(text, fg=colour, bold=True) if takes_colour else text


def live_console() -> Console | None:
    """Return the terminal on stderr if it can show a bar or a live table; None in a quiet process."""
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    # with FORCE_COLOR rich takes a pipe for a terminal
    return console if sys.stderr.isatty() and console.is_interactive and not is_quiet() else None


def width() -> int:
    """Return how many characters a line may have."""
    return min(WIDTH, shutil.get_terminal_size((WIDTH, 1)).columns)


def table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield aligned lines, numbers to the right; only the last column is wrapped, to no less than LAST."""
    *columns, _last = zip(*rows, strict=True)
    for row in rows:
        start = ""
        for cell, column in zip(row, columns, strict=False):
            numbers = all(below.replace(",", "").isdigit() for below in column[1:])
            size = max(map(len, column))
            start += f"{cell:>{size}}  " if numbers else f"{cell:<{size}}  "
        room = max(width(), len(start) + LAST)
        yield from wrap(row[-1], room, initial_indent=start, subsequent_indent=" " * len(start)) or [start.rstrip()]
