"""The groups of layers that changed most and least, and whether they can be told apart."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.analysis.averages import MIN_SEEDS, Values, mean_of_finite
from pipeline.analysis.claims import PRIMARY
from pipeline.analysis.groups import group_logs
from pipeline.analysis.inference import MARGIN, effects
from pipeline.analysis.statistics import Histories
from pipeline.analysis.verdicts import ALIKE, CANNOT_TELL, HOLDS, LEVEL, NO_VERDICT
from pipeline.analysis.windows import mean_logs

EQUAL = 0.0005  # logarithm of a ratio that reads 1


@dataclass(frozen=True)
class Extremes:
    """The groups, or layers, that changed most and least, of `count`; `row` has EFFECTS of the log ratio of the two.

    `alike_p` is the largest p-value of equivalence of all pairs: another pair may be more uncertain than this one.
    """

    are_groups: bool
    most: str
    least: str
    count: int
    row: Mapping[str, float]
    alike_p: float

    @property
    def outcome(self) -> str:
        """Return ALIKE, HOLDS or CANNOT_TELL; NO_VERDICT for few seeds.

        The pair is the most different of all, so the p-value of a difference is multiplied by the number of pairs.
        That of equivalence is not: all pairs must be alike.
        """
        if np.isnan(self.row["p"]):
            return NO_VERDICT
        if self.alike_p <= LEVEL:
            return ALIKE
        return HOLDS if self.row["p"] * self.pairs <= LEVEL else CANNOT_TELL

    @property
    def equal(self) -> bool:
        """Whether the ratio of the two is 1, to three digits, in all seeds."""
        return max(abs(self.row["lowest"]), abs(self.row["highest"])) < EQUAL

    @property
    def pairs(self) -> int:
        return self.count * (self.count - 1) // 2


def extremes(histories: Histories) -> Extremes | None:
    """Return the groups that changed most and least, or the layers where fewer than two groups did; None for one."""
    logs = mean_logs(histories, PRIMARY)
    by_layer = dict(zip(histories.group_of, logs.T, strict=True))
    for changes in (by_group := group_logs(logs, histories), by_layer):
        means = {name: float(mean_of_finite(by_seed, axis=0)) for name, by_seed in changes.items()}
        changed = {name: mean for name, mean in means.items() if np.isfinite(mean)}
        if len(changed) > 1:
            most, least = max(changed, key=changed.__getitem__), min(changed, key=changed.__getitem__)
            row = effects((changes[most] - changes[least])[:, None]).iloc[0]
            its = {str(name): float(value) for name, value in row.items()}
            alike_p = _largest_alike_p(np.stack([changes[name] for name in changed], axis=1))
            return Extremes(changes is by_group, most, least, len(changed), its, alike_p)
    return None


def _largest_alike_p(changes: Values) -> float:
    """Return the largest p-value of equivalence over all pairs of columns; 1 where a pair cannot be tested.

    A pair whose ratio is the same in all seeds, and within the margin, counts as alike.
    """
    one, other = np.triu_indices(changes.shape[1], 1)
    pairs = effects(changes[:, one] - changes[:, other])
    certain = pairs["alike_p"].isna() & (pairs["mean"].abs() < MARGIN)
    p = pairs["alike_p"].mask(certain, 0.0).where(pairs["n"] >= MIN_SEEDS)
    return float(p.fillna(1.0).max())
