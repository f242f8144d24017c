"""Only layers with a level are drawn, a panel for each measured quantity, with the level as a dashed line."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pipeline.analysis.figures.equilibrium_figure import LABELS, equilibrium_figure
from pipeline.analysis.levels import level_of
from pipeline.analysis.statistics import Histories
from tests.support.measurements import with_layers

GROUPS = {"conv1": "early", "conv2": "later", "fc": ""}


@pytest.fixture
def study(histories: Callable[..., Histories]) -> Histories:
    """Return histories in which all measurements are the epoch, and the two convolutions have levels."""
    made = histories({0: 4, 7: 4}, GROUPS)
    levels = made.levels.assign(scale_invariant=[True, True, False])
    levels.loc[:1, ["step_angle", "rwc", "epoch"]] = (0.02, 0.5, 2)
    metrics = ("rwc", "step_angle", "l2_change", "layer_rotation", "weight_norm")
    return replace(with_layers(made, **dict.fromkeys(metrics, np.arange(1.0, 5))), levels=levels)


def test_each_quantity_is_drawn_with_its_level(study: Histories) -> None:
    panels = [axes for axes in equilibrium_figure(study, "title").axes if axes.get_visible()]
    labels = [axes.get_ylabel() for axes in panels]
    assert labels == [LABELS[name] for name in ("step_angle", "l2_change", "layer_rotation", "norm_balance")]
    rotation = level_of("layer_rotation", study)
    for axes, level in zip(panels[:3], (0.02, 0.5, rotation), strict=True):
        *bold, dashed = [line for line in axes.lines if len(line.get_xdata()) == 4]
        assert len(bold) == 2
        assert bold[0].get_ydata() == pytest.approx([1, 2, 3, 4])
        assert dashed.get_ydata() == pytest.approx(np.broadcast_to(level, 4))
        assert dashed.get_linestyle() == "--"


def test_norm_balance_is_drawn_on_a_linear_axis_from_the_second_epoch(study: Histories) -> None:
    axes = next(axes for axes in equilibrium_figure(study, "title").axes if "balance" in axes.get_ylabel())
    first = next(line for line in axes.lines if len(line.get_xdata()) == 3)
    x = -math.log(1 - 0.5**2 / 2)
    assert first.get_ydata() == pytest.approx([math.log(epoch / (epoch - 1)) / x for epoch in (2, 3, 4)])
    assert axes.get_yscale() == "linear"
