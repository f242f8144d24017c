"""A table of work done elsewhere: it stays below what a terminal prints; without a terminal, a line now and then."""

import logging
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

from rich.live import Live
from rich.text import Text

from pipeline.console.terminal import live_console, table

SECONDS = 2.0  # between two looks
SHARE = 20  # at most 1/20 of the time is spent looking: a thousand seeds are work for a server
LINE_SECONDS = 30.0  # between two lines
log = logging.getLogger(__name__)


class Look(NamedTuple):
    """The rows of the table, the head first; and what a line has: `counts`, the time `left`."""

    rows: Sequence[tuple[str, ...]]
    counts: str
    left: str


class LiveTable:
    """Shows what `look` returns, from the first `refresh` on: as a table if it `stays`, on a terminal; else in lines.

    A line is printed when the counts have changed. Where `look` returns None, nothing changes.
    """

    def __init__(self, look: Callable[[], Look | None], *, stays: bool) -> None:
        self.look = look
        console = live_console() if stays else None
        redirected = sys.stdout.isatty()  # a file or a pipe still gets its lines
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=redirected) if console else None
        self._next_look, self._next_line, self._counts = 0.0, 0.0, ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if self._next_look:
                self._show()
        finally:
            if self._live:
                self._live.stop()

    def refresh(self) -> None:
        """Look and show the result, unless the last look was a moment ago."""
        started = time.monotonic()
        if started < self._next_look:
            return
        self._show()
        took = time.monotonic() - started
        self._next_look = time.monotonic() + max(SECONDS, SHARE * took)

    def _show(self) -> None:
        if not (seen := self.look()):
            return
        if self._live:
            self._live.start()
            self._live.console.show_cursor()  # rich hides it, and a killed process could not restore it
            lines = Text("\n".join(table(seen.rows)), no_wrap=True, overflow="ellipsis")
            self._live.update(lines, refresh=True)
        elif seen.counts != self._counts and time.monotonic() >= self._next_line:
            log.info("seeds: %s; time left: %s", seen.counts, seen.left)
            self._counts, self._next_line = seen.counts, time.monotonic() + LINE_SECONDS
