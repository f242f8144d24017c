"""The epochs over which a seed's changes are averaged, and the mean logarithms of each layer in them."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.averages import Values, mean_of_finite
from pipeline.analysis.statistics import Histories

TENTH, THIRD = 10, 3
INTERRUPTED = -np.inf


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
    """Return the mean logarithm of the values in a window: seeds x layers.

    NaN for a seed that does not count, and for a layer that never changes, which is frozen. -inf (INTERRUPTED) for a
    layer that changes, but in this seed has an epoch without a positive, finite value: no mean describes it.
    `last_epochs` are those of the seeds that count, by default of all. A seed of one epoch counts where all have one.
    """
    values = histories.layers[metric]
    last_epochs = histories.last_epochs if last_epochs is None else last_epochs
    inside = np.zeros(values.shape, dtype=bool)
    for row, seed in enumerate(histories.seeds):
        first, last = window.bounds(last_epochs.get(seed, 0))
        if last > 1 or histories.last_epoch == 1:
            inside[row, :, first - 1 : last] = True
    positive = (values > 0) & np.isfinite(values)
    means = mean_of_finite(np.log(np.where(inside & positive, values, np.nan)), axis=2)
    changes = np.any(positive, axis=(0, 2))
    return np.where(changes & np.any(inside & ~positive, axis=2), INTERRUPTED, means)


def interrupted(logs: Values) -> NDArray[np.bool_]:
    """Return in which rows of `mean_logs` a value is interrupted: in which seeds, of seeds x layers."""
    found: NDArray[np.bool_] = np.any(logs == INTERRUPTED, axis=1)
    return found


def mean_over_layers(logs: Values) -> Values:
    """Return the mean of `mean_logs` over the layers that changed, by seed; NaN where one is interrupted."""
    return np.where(interrupted(logs), np.nan, mean_of_finite(logs, axis=1))


def interruptions(histories: Histories, metric: str, layers: Sequence[str]) -> str:
    """Return which of the layers are interrupted over all epochs but the first, as a reason; else an empty string."""
    marked = interrupted(mean_logs(histories, metric).T)
    found = [layer for layer, is_marked in zip(histories.group_of, marked, strict=True) if is_marked]
    named = ", ".join(layer for layer in found if layer in set(layers))
    return f"{metric} is zero, infinite or undefined in some epochs, but not in all, in {named}" if named else ""
