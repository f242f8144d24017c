"""The epochs over which a seed's changes are averaged, and the mean logarithms of each layer in them."""

from collections.abc import Mapping
from enum import StrEnum

import numpy as np

from pipeline.analysis.inference import Values, mean_of_finite
from pipeline.analysis.statistics import Histories

TENTH, THIRD = 10, 3


class Window(StrEnum):
    """Epochs of a seed, by how many it ran: a seed that stopped early does not shorten those of the others.

    The first epoch belongs to none: it is the transient of initialisation, and the paper crops it.
    """

    WHOLE = "without the first epoch"
    EARLY = "first tenth"
    LATE = "last third"

    def bounds(self, last: int) -> tuple[int, int]:
        """Return the first and the last epoch of the window, for a seed of `last` epochs; of one epoch, that one."""
        first = min(2, last)
        if self is Window.EARLY:
            return first, max(first, last // TENTH)
        if self is Window.LATE:
            return max(first, last - max(1, last // THIRD) + 1), last
        return first, last

    def text(self, last: int) -> str:
        """Return the epochs of a seed of `last` epochs, in words."""
        first, end = self.bounds(last)
        return f"epoch {first}" if first == end else f"epochs {first} to {end}"


def mean_logs(
    histories: Histories, metric: str, window: Window = Window.WHOLE, last_epochs: Mapping[int, int] | None = None
) -> Values:
    """Return the mean logarithm of the positive values in a window: seeds x layers, NaN without one.

    `last_epochs` are those of the seeds that count, by default of all. A seed of one epoch counts where all have one.
    """
    values = histories.by_seed(metric)
    last_epochs = histories.last_epochs if last_epochs is None else last_epochs
    inside = np.zeros(values.shape, dtype=bool)
    for row, seed in enumerate(histories.seeds):
        first, last = window.bounds(last_epochs.get(seed, 0))
        if last > 1 or histories.last_epoch == 1:
            inside[row, :, first - 1 : last] = True
    counted = inside & (values > 0)
    return mean_of_finite(np.log(np.where(counted, values, np.nan)), axis=2)
