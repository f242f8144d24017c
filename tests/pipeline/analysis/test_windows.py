"""Windows of epochs leave out the first, and those of a seed do not depend on how long the others ran."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from pipeline.analysis.statistics import Histories
from pipeline.analysis.windows import Window, mean_logs

GROUPS = {"a": "early", "b": "later"}


@pytest.mark.parametrize(
    ("last", "whole", "early", "late"),
    [
        (1, (1, 1), (1, 1), (1, 1)),
        (2, (2, 2), (2, 2), (2, 2)),
        (3, (2, 3), (2, 2), (3, 3)),
        (20, (2, 20), (2, 2), (15, 20)),
        (150, (2, 150), (2, 15), (101, 150)),
    ],
)
def test_bounds_of_a_seed(last: int, whole: tuple, early: tuple, late: tuple) -> None:
    assert [window.bounds(last) for window in (Window.WHOLE, Window.EARLY, Window.LATE)] == [whole, early, late]


def test_a_seed_that_stopped_early_does_not_cut_the_others(histories: Callable[..., Histories]) -> None:
    logs = mean_logs(histories({0: 2, 7: 4}, GROUPS), "rwc")
    assert logs[0, 0] == pytest.approx(math.log(1 / 2))
    assert logs[1, 0] == pytest.approx(np.mean([math.log(1 / epoch + 0.07) for epoch in (2, 3, 4)]))
    late = mean_logs(histories({0: 2, 7: 4}, GROUPS), "rwc", Window.LATE)
    assert late[1, 1] == pytest.approx(math.log(2 / 4 + 0.07))


def test_a_seed_of_one_epoch_has_no_value_unless_all_have_one(histories: Callable[..., Histories]) -> None:
    logs = mean_logs(histories({0: 1, 7: 4}, GROUPS), "rwc")
    assert np.isnan(logs[0]).all()
    assert np.isfinite(logs[1]).all()
    assert np.isfinite(mean_logs(histories({0: 1, 7: 1}, GROUPS), "rwc")).all()


def test_only_named_seeds_count_up_to_their_epochs(histories: Callable[..., Histories]) -> None:
    logs = mean_logs(histories({0: 4, 7: 4}, GROUPS), "rwc", last_epochs={7: 2})
    assert np.isnan(logs[0]).all()
    assert logs[1, 0] == pytest.approx(math.log(1 / 2 + 0.07))
    assert np.isnan(mean_logs(histories({0: 4}, GROUPS), "rwc", last_epochs={})).all()
