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

from pipeline.console.terminal import shows_bars, table
from pipeline.execution.status import STATES, Capacity, Status, time_left
from pipeline.tracking.retry import StoreError

SECONDS = 2.0  # between two looks at the store
SHARE = 20  # at most one part in so many of the time is spent looking: a thousand seeds are work for a server
LINE_SECONDS = 30.0  # between two lines, where there is no terminal


class Above(DummyTqdmFile):
    """What is written here is shown above tqdm's rows; it refuses bytes, by which click tells a binary stream."""

    def write(self, text: str, nolock: bool = False) -> None:
        if not isinstance(text, str):
            raise TypeError("text can be written here, and no bytes")
        super().write(text, nolock)


class LiveTable:
    """Shows how far studies are, from the first `refresh` on.

    Where they run together it stays, on a terminal, below all that is printed meanwhile; else it is a line now and
    then. Each of `looks` takes the time at which the board was set up, and says how far a study is.
    """

    def __init__(self, looks: Sequence[Callable[[datetime], Status]], capacity: Capacity) -> None:
        self.looks, self.capacity = looks, capacity
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
        """Look at the store and show what it says, unless that was done a moment ago, or the store does not answer."""
        started = time.monotonic()
        if started < self._next_look:
            return
        if not self._rows and self.capacity.studies_together and shows_bars():
            self._set_up()
        self._show()
        took = time.monotonic() - started
        self._next_look = time.monotonic() + max(SECONDS, SHARE * took)

    def _set_up(self) -> None:
        count = len(self.looks) + (2 if len(self.looks) > 1 else 1)
        self._rows = [tqdm(total=0, bar_format="{desc}", position=place, file=sys.stderr) for place in range(count)]
        above = cast(TextIO, Above(sys.stderr))
        if sys.stdout.isatty():  # the same terminal: tqdm makes room for what goes where its rows are
            self._stack.enter_context(redirect_stdout(above))
        self._stack.enter_context(redirect_stderr(above))

    def _show(self) -> None:
        try:
            statuses = [look(self.since) for look in self.looks]
        except StoreError:  # the studies meet it themselves, and say so
            return
        total = sum((status.states for status in statuses), Counter[str]())
        counts = ", ".join(f"{total[state]} {state}" for state in STATES)
        left = time_left(statuses, self.capacity)
        heads = [("study", *STATES, "time left")]
        rows = [(its.name, its.states, time_left([its], self.capacity)) for its in statuses]
        rows = [("all", total, left), *rows] if len(statuses) > 1 else rows  # it is seen where not all are
        cells = [(name, *(str(states[state]) for state in STATES), time) for name, states, time in rows]
        for row, text in zip(self._rows, table(heads + cells), strict=False):
            row.set_description_str(text)
        if not self._rows and counts != self._counts and time.monotonic() >= self._next_line:
            click.echo(f"seeds: {counts}; time left: {left}")
            self._counts, self._next_line = counts, time.monotonic() + LINE_SECONDS
