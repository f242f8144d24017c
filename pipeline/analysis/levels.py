"""What measurements of a scale-invariant layer show where it only diffuses, in equilibrium at a constant rate.

All levels follow from x = N h lambda / (1 - a): steps of an epoch, learning rate, weight decay, momentum. A white-noise
walk forgets exp(-x) of its direction in an epoch (`docs/statistics.md`).
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.analysis.averages import Values, mean_of_finite
from pipeline.analysis.inference import effects
from pipeline.analysis.statistics import Histories
from pipeline.analysis.windows import Window

COLUMNS = [
    "layer", "group", "scale_invariant", "quantity", "level", "mean", "low", "high", "lowest", "highest", "n", "first",
    "last", "equilibrium",
]  # fmt: skip
NORM_BALANCE = "norm_balance"
MOST_LOST = 1 - 2**-53  # of 1, in floating point
BALANCED = 0.1  # of the balance of pure decay, -1
STRAIGHTNESS = "straightness"


class Clock(NamedTuple):
    """Epochs, 1 to the last, and x, what weight decay takes from a layer in one."""

    epochs: Values
    x: float

    @property
    def lost(self) -> float:
        """1 - exp(-x): what a white-noise walk loses, in an epoch, of the cosine with itself."""
        return -math.expm1(-self.x)

    def constant(self, level: float) -> Values:
        return np.full(len(self.epochs), level)


LEVELS: dict[str, Callable[[Clock], Values]] = {
    "l2_change": lambda clock: clock.constant(math.sqrt(2 * clock.lost)),
    "angular_update": lambda clock: clock.constant(2 * math.asin(math.sqrt(clock.lost / 2))),
    "layer_rotation": lambda clock: -np.expm1(-clock.x * clock.epochs),
    "epoch_cosine": lambda clock: np.where(clock.epochs > 1, -clock.lost / 2, np.nan),
    "remaining_distance": lambda clock: _remaining(clock),
    STRAIGHTNESS: lambda clock: clock.constant(math.sqrt(clock.lost / clock.x)),
    NORM_BALANCE: lambda clock: clock.constant(0.0),
}


def _remaining(clock: Clock) -> Values:
    last = clock.epochs[-1]
    remaining: Values = np.sqrt(np.expm1(-clock.x * (last - clock.epochs)) / np.expm1(-clock.x * last))
    return remaining


def decay_of(histories: Histories) -> float | None:
    """Return x of a study, from RWC* of its levels; None if no layer has levels."""
    of_layers = histories.levels["rwc"]
    of_layers = of_layers[of_layers > 0]
    return None if of_layers.empty else -math.log1p(-min(of_layers.iloc[0] ** 2 / 2, MOST_LOST))


def levels_by_seed(quantity: str, histories: Histories) -> Values | None:
    """Return the level of a quantity in each seed: seeds x epochs, NaN after a seed's end, which some levels depend on.

    None if no layer has levels, or the quantity has none.
    """
    x = decay_of(histories)
    if x is None or quantity not in ("step_angle", *LEVELS):
        return None
    levels = np.full((len(histories.seeds), histories.last_epoch), np.nan)
    for row, seed in enumerate(histories.seeds):
        clock = Clock(np.arange(1.0, histories.last_epochs[seed] + 1), x)
        levels[row, : len(clock.epochs)] = (
            clock.constant(float(histories.levels["step_angle"].dropna().iloc[0]))
            if quantity == "step_angle"
            else LEVELS[quantity](clock)
        )
    return levels


def level_of(quantity: str, histories: Histories) -> Values | None:
    """Return the mean over the seeds of `levels_by_seed`, at each epoch."""
    levels = levels_by_seed(quantity, histories)
    return None if levels is None else mean_of_finite(levels, axis=0)


def quantities(histories: Histories) -> Iterator[tuple[str, Values]]:
    """Yield each measured quantity that has a level, with its values: seeds x layers x epochs."""
    for metric in ("step_angle", *LEVELS):
        if metric in histories.layers:
            yield metric, histories.layers[metric]
        elif metric == NORM_BALANCE and "weight_norm" in histories.layers and decay_of(histories):
            yield metric, norm_balance(histories)


def norm_balance(histories: Histories) -> Values:
    """Return the growth of ln |w|^2 in each epoch over 2 x: seeds x layers x epochs, NaN in the first.

    It is -1 under weight decay alone, 0 in equilibrium, above 0 where steps lengthen the weights faster.
    """
    x = decay_of(histories)
    assert x
    norms = histories.layers["weight_norm"]
    logs = np.log(np.where(norms > 0, norms, np.nan))
    return np.diff(logs, axis=2, prepend=np.nan) / x


def equilibrium_table(histories: Histories) -> pd.DataFrame:
    """Return each quantity beside its level in the last third of the epochs, for each layer that has one: COLUMNS.

    `mean` is over the seeds, with interval and range; that of a quantity which changes with time is beside the mean of
    its level over the same epochs of the same seeds. `equilibrium` says, by the norm balance, whether the layer is:
    "yes", "no", or "" for unknown. All layers have a straightness: that of a random walk is 1.
    """
    first, last = Window.LATE.bounds(histories.last_epoch)
    layers = pd.DataFrame(histories.group_of.items(), columns=["layer", "group"])
    layers["scale_invariant"] = invariant = layers["layer"].isin(histories.layers_with_level)
    layers["equilibrium"], tables = _balanced(histories), []
    for quantity, values in quantities(histories):
        levels = levels_by_seed(quantity, histories)
        beside = np.where(np.isfinite(values), np.nan if levels is None else levels[:, None], np.nan)
        level = mean_of_finite(_late(beside, histories), axis=0)
        level = np.where(invariant, level, 1.0)
        table = layers.assign(quantity=quantity, level=level, first=first, last=last)
        table = pd.concat([table, effects(_late(values, histories))], axis=1)
        tables.append(table[invariant | (quantity == STRAIGHTNESS)])
    return pd.concat(tables, ignore_index=True)[COLUMNS] if tables else pd.DataFrame(columns=COLUMNS)


def _late(values: Values, histories: Histories) -> Values:
    """Return the mean over each seed's last third of the epochs: seeds x layers."""
    bounds = [Window.LATE.bounds(histories.last_epochs[seed]) for seed in histories.seeds]
    pairs = zip(values, bounds, strict=True)
    return np.stack([mean_of_finite(of_seed[:, first - 1 : last], axis=1) for of_seed, (first, last) in pairs])


def _balanced(histories: Histories) -> list[str]:
    """Return whether each layer is in equilibrium: "yes", "no", or "" for unknown."""
    if decay_of(histories) is None or "weight_norm" not in histories.layers:
        return [""] * len(histories.group_of)
    longer = [last > 1 for last in histories.last_epochs.values()]  # one epoch has no growth
    late = np.abs(_late(norm_balance(histories), histories))[longer]
    known = np.isfinite(late).all(axis=0) & (len(late) > 0)
    words: list[str] = np.where(known, np.where((late <= BALANCED).all(axis=0), "yes", "no"), "").tolist()
    return words
