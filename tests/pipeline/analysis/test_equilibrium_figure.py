"""Only layers with a level are drawn relative to it, with the epoch from which equilibrium can be expected."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.figures.equilibrium_figure import equilibrium_figure
from pipeline.analysis.statistics import Histories

GROUPS = {"conv1": "early", "conv2": "later", "fc": ""}


@pytest.fixture
def study(histories: Callable[..., Histories]) -> Histories:
    """Return histories in which both measurements are the epoch, and the two convolutions have levels."""
    made = histories({0: 4, 7: 4}, GROUPS)
    rwc = made.measurements["rwc"].assign(value=lambda rows: rows["epoch"])
    levels = made.levels.assign(scale_invariant=[True, True, False])
    levels.loc[:1, ["step_angle", "rwc", "epoch"]] = (0.02, 0.5, 2)
    return replace(made, layers=pd.concat([rwc, rwc.assign(metric="step_angle")]), levels=levels)


def test_layers_with_levels_are_drawn_in_multiples_of_them(study: Histories) -> None:
    figure = equilibrium_figure(study, "title")
    for axes, level in zip(figure.axes, (0.02, 0.5), strict=True):
        bold = [line for line in axes.lines if len(line.get_xdata()) == 4]
        assert len(bold) == 2
        np.testing.assert_allclose(bold[0].get_ydata(), np.array([1, 2, 3, 4]) / level)
        assert [2.0, 2.0] in [list(line.get_xdata()) for line in axes.lines], "the epoch of equilibrium is marked"
    assert "from epoch 2 (dash-dotted line)" in figure.get_suptitle()


def test_equilibrium_after_the_last_epoch_is_named_but_not_drawn(study: Histories) -> None:
    late = replace(study, levels=study.levels.assign(epoch=study.levels["epoch"].replace(2, 5)))
    figure = equilibrium_figure(late, "title")
    assert "from epoch 5 (after the end of this study)" in figure.get_suptitle()
    assert [5.0, 5.0] not in [list(line.get_xdata()) for axes in figure.axes for line in axes.lines]


def test_rwc_is_drawn_alone_if_no_step_was_measured(study: Histories) -> None:
    rwc = study.measurements["rwc"]
    assert len(equilibrium_figure(replace(study, layers=rwc), "title").axes) == 1
