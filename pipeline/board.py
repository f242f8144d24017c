"""A table of studies while their seeds are trained elsewhere: how many are done, run, wait, have failed."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from typing import Any, Self, TextIO, cast

import click
from tqdm import tqdm
from tqdm.contrib import DummyTqdmFile

from pipeline.standing import STATES, Standing, time_left
from pipeline.terminal import shows_bars, table

SECONDS = 2.0  # between two looks at the store
SHARE = 20  # at most one part in so many of the time is spent looking: a thousand seeds are work for a server
LINE_SECONDS = 30.0  # between two lines, where there is no terminal


class Board:
    """Shows how far studies are, from the first `refresh` on; on a terminal below all that is printed meanwhile.

    Each of `looks` takes the time at which the board was set up, and says how far a study is.
    """

    def __init__(self, looks: Sequence[Callable[[datetime], Standing]], places: int) -> None:
        self.looks, self.places = looks, places
        self.since = datetime.now(UTC)
        self._next_look, self._next_line, self._counts = 0.0, 0.0, ""
        self._rows: list[tqdm[Any]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._next_look:
            self._show()
        self._stack.close()
        for row in self._rows:
            row.close()

    def refresh(self) -> None:
        """Look at the store and show what it says, unless that was done a moment ago."""
        started = time.monotonic()
        if started < self._next_look:
            return
        if not self._rows and shows_bars():
            self._set_up()
        self._show()
        took = time.monotonic() - started
        self._next_look = time.monotonic() + max(SECONDS, SHARE * took)

    def _set_up(self) -> None:
        count = len(self.looks) + (2 if len(self.looks) > 1 else 1)
        self._rows = [tqdm(total=0, bar_format="{desc}", position=place, file=sys.stderr) for place in range(count)]
        above = cast(TextIO, DummyTqdmFile(sys.stderr))
        if sys.stdout.isatty():  # the same terminal: tqdm makes room for what goes where its rows are
            self._stack.enter_context(redirect_stdout(above))
        self._stack.enter_context(redirect_stderr(above))

    def _show(self) -> None:
        standings = [look(self.since) for look in self.looks]
        total = sum((standing.states for standing in standings), Counter[str]())
        counts = ", ".join(f"{total[state]} {state}" for state in STATES)
        left = time_left(standings, self.places)
        heads = [("study", *STATES, "time left")]
        cells = [(its.name, *(str(its.states[state]) for state in STATES), its.left(self.places)) for its in standings]
        cells += [("all", *(str(total[state]) for state in STATES), left)] if len(standings) > 1 else []
        for row, text in zip(self._rows, table(heads + cells), strict=False):
            row.set_description_str(text)
        if not self._rows and counts != self._counts and time.monotonic() >= self._next_line:
            click.echo(f"seeds: {counts}; time left: {left}")
            self._counts, self._next_line = counts, time.monotonic() + LINE_SECONDS
