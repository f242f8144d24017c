"""Places of names at the ends of lines: near their lines, none upon another."""

from collections.abc import Sequence

import numpy as np
import scipy  # which imports its optimizers where they are first used

from pipeline.analysis.figures.style import Numbers


def spread(ends: Sequence[float], gap: float, low: float, high: float) -> Numbers | None:
    """Return places from `low` to `high`, at least `gap` apart, in the order of the ends and as near to them as can be.

    Near by the sum of squares. None if there is no room for all.
    """
    offsets = gap * np.arange(len(ends))
    if not len(ends) or offsets[-1] > high - low:
        return None
    order = np.argsort(ends, kind="stable")
    wanted = np.asarray(ends, dtype=np.float64)[order] - offsets
    places = np.empty(len(ends))
    places[order] = np.clip(scipy.optimize.isotonic_regression(wanted).x, low, high - offsets[-1]) + offsets
    return places
