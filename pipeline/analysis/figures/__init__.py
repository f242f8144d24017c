"""Figures of studies, comparisons and data sets."""

import os
import sys
from contextlib import suppress
from importlib import import_module


def _import_matplotlib() -> None:
    """Import matplotlib where MPLBACKEND names a backend that is not installed, as in a command of a notebook's cell.

    The figures need no backend. Another program that imports them keeps the one it has named.
    """
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        matplotlib = import_module("matplotlib")
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    with suppress(ValueError):
        if backend:
            matplotlib.rcParams["backend"] = backend


if "matplotlib" not in sys.modules:
    _import_matplotlib()
