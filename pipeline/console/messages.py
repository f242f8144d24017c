"""Messages as plain lines: on stdout what a person wants to see, on stderr what goes wrong; and --quiet."""

import logging
import sys
from functools import partial

import click

LOGGERS = tuple(map(logging.getLogger, ("pipeline", "data", "models")))


class Printer(logging.Handler):
    """Writes to the `sys.stdout` and `sys.stderr` of the moment: live tables and tests replace them."""

    def emit(self, record: logging.LogRecord) -> None:
        stream = sys.stdout if record.levelno < logging.WARNING else sys.stderr
        print(self.format(record), file=stream, flush=True)


PRINTER = Printer()


def configure(*, quiet: bool = False) -> None:
    """Print the messages of this project from now on; if `quiet`, only what goes wrong.

    A spawned process must call it too.
    """
    for logger in LOGGERS:
        logger.addHandler(PRINTER)
        logger.setLevel(logging.WARNING if quiet else logging.INFO)


def is_quiet() -> bool:
    return not LOGGERS[0].isEnabledFor(logging.INFO)


def _configure(_context: click.Context, _option: click.Parameter, quiet: bool) -> bool:
    configure(quiet=quiet)
    return quiet


# `mlflow run -P quiet=true` gives it as --quiet true
quiet_option = partial(
    click.option,
    "--quiet",
    type=click.Choice((True, False), case_sensitive=False),
    is_flag=False,
    flag_value="true",
    default=False,
    callback=_configure,
)
