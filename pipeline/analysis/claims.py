"""What a study says to the paper's claims: one test a claim that may give a verdict, and others to explore."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pandas as pd

from pipeline.analysis.averages import Values
from pipeline.analysis.depth import ALL, IN_GROUPS, depths, layers_in_groups, order_p_of_mean, places_of, trends
from pipeline.analysis.groups import group_logs, group_ratio, without_groups
from pipeline.analysis.inference import effects
from pipeline.analysis.paper_claims import CLAIMS, Claim
from pipeline.analysis.statistics import Histories, final_values, first_values
from pipeline.analysis.verdicts import DECIDED, decide
from pipeline.analysis.windows import INTERRUPTED, Window, interruptions, mean_logs, mean_over_layers

PRIMARY = "rwc"  # declared before any study: only this measurement, in the whole window, gives verdicts
CLAIM_METRICS = (PRIMARY, "rwc_elementwise", "rwc_median", "step_angle")
EPOCHS_WITH_A_TENTH = 20  # of which a first tenth without epoch 1 is left
LEAST_FALL = 0.05  # of the training loss, from the first epoch to the last
LABELS = ["claim", "number", "layers", "measured by", "window", "first", "last", "primary"]
NEEDED = ["comparison", "hindered", "ratio of"]
COLUMNS = [*LABELS, *DECIDED, "order_p", "ratio of"]
Logs = Callable[[str, Window], Values]


@dataclass(frozen=True)
class Evidence:
    """One number per seed, a log ratio that the claim says is above zero or near it, and what it is of."""

    by_seed: Values
    order_p: float
    labels: dict[str, object]


def claims_table(histories: Histories, model: str, dataset: str) -> pd.DataFrame:
    """Return the verdicts on the claims about this model and data set, and exploratory rows: COLUMNS.

    `primary` rows are one each claim, by RWC over all epochs but the first: one family. The others, by other
    measurements, in the first tenth and the last third of the epochs, and over all layers, give no verdict. `ratio` is
    the geometric mean over the seeds. `order_p` is that of the order of the layers by depth, with layers as units.
    """
    return decide(claim_tests(histories, model, dataset))[COLUMNS]


def claim_tests(histories: Histories, model: str, dataset: str) -> pd.DataFrame:
    """Return the tests of `claims_table` before the family is corrected."""
    claims = [claim for claim in CLAIMS if claim.model == model and dataset in claim.datasets]
    return tests_table(list(_tests(claims, histories)))


def tests_table(tests: Sequence[Evidence]) -> pd.DataFrame:
    """Return a row a test: its labels and EFFECTS."""
    longest = max((len(test.by_seed) for test in tests), default=0)
    values = np.full((longest, len(tests)), np.nan)
    for column, test in enumerate(tests):
        values[: len(test.by_seed), column] = test.by_seed
    labels = pd.DataFrame([test.labels for test in tests], columns=[*LABELS, *NEEDED])
    return pd.concat([labels, effects(values)], axis=1).assign(order_p=[test.order_p for test in tests])


def not_learned(histories: Histories) -> str:
    """Return why a study gives no verdicts: the training loss of a seed fell by under 5 %; else an empty string."""
    if histories.last_epoch == 1:
        return "one epoch only: nothing shows that the network learned"
    longer = [seed for seed, last in histories.last_epochs.items() if last > 1]
    first, last = (values(histories, "train_loss")[longer] for values in (first_values, final_values))
    moved = last <= (1 - LEAST_FALL) * first
    if moved.all():
        return ""
    named = ", ".join(str(seed) for seed in moved.index[~moved])
    return f"the training loss of seed {named} has not moved: it fell by less than 5 %"


def _tests(claims: Sequence[Claim], histories: Histories) -> Iterator[Evidence]:
    logs = cache(partial(mean_logs, histories))
    for claim in claims:
        hindered = not_learned(histories) or _hindered(claim, histories)
        for metric in (metric for metric in CLAIM_METRICS if metric in histories.layers):
            for window in [Window.WHOLE] if claim.of == "time" else Window:
                for name, layers in _layers(claim, histories):
                    tested = _by_seed(claim, histories, logs, metric, window, layers)
                    primary = (metric, window, name) == (PRIMARY, Window.WHOLE, IN_GROUPS)
                    first, last = window.bounds(histories.last_epoch)
                    which = f"{Window.EARLY} and {Window.LATE}" if claim.of == "time" else window.value
                    labels = str(claim), claim.number, name, metric, which, first, last, primary
                    rest = claim.comparison, hindered, claim.ratio_of
                    yield Evidence(*tested, dict(zip([*LABELS, *NEEDED], [*labels, *rest], strict=True)))


def _hindered(claim: Claim, histories: Histories) -> str:
    """Return why this claim cannot be tested, or an empty string."""
    if claim.of == "time" and histories.last_epoch < EPOCHS_WITH_A_TENTH:
        return f"fewer than {EPOCHS_WITH_A_TENTH} epochs have no first tenth"
    return cannot_compare(histories, *((claim.first, claim.second) if claim.of == "groups" else ()))


def cannot_compare(histories: Histories, *groups: str) -> str:
    """Return why groups, or all layers in groups where none is named, have no mean change, or an empty string."""
    layers = [layer for layer, group in histories.group_of.items() if group in groups]
    return without_groups(histories, *groups) or interruptions(
        histories, PRIMARY, layers if groups else layers_in_groups(histories)
    )


def _layers(claim: Claim, histories: Histories) -> Iterator[tuple[str, list[str]]]:
    yield IN_GROUPS, layers_in_groups(histories)
    if claim.of == "depth":
        yield ALL, list(histories.group_of)


def _by_seed(
    claim: Claim, histories: Histories, logs_of: Logs, metric: str, window: Window, layers: list[str]
) -> tuple[Values, float]:
    """Return the log ratio of each seed, and the p-value of the order of the layers where the claim is about it."""
    places = places_of(layers, histories)
    if claim.of == "time":
        return mean_over_layers(_early_over_late(histories, logs_of, metric)[:, places]), np.nan
    logs = logs_of(metric, window)
    if claim.of == "depth":
        of_layers = logs[:, places], depths(tuple(layers))
        return trends(*of_layers), order_p_of_mean(*of_layers) if window is Window.WHOLE else np.nan
    if without_groups(histories, claim.first, claim.second):
        return np.array([]), np.nan
    return group_ratio(group_logs(logs, histories), claim.first, claim.second), np.nan


def _early_over_late(histories: Histories, logs_of: Logs, metric: str) -> Values:
    """Return log ratios of the first tenth to the last third of the epochs, NaN for seeds without a first tenth."""
    long = np.array([histories.last_epochs[seed] >= EPOCHS_WITH_A_TENTH for seed in histories.seeds])
    early, late = (logs_of(metric, window) for window in (Window.EARLY, Window.LATE))
    marked = np.isneginf(early) | np.isneginf(late)
    ratios = np.where(marked, INTERRUPTED, np.where(marked, 0.0, early) - np.where(marked, 0.0, late))
    return np.where(long[:, None], ratios, np.nan)
