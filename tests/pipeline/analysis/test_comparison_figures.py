"""The figures of a comparison: values, depths and rows."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from pipeline.analysis.comparison import Compared, accuracy_table
from pipeline.analysis.figures.comparison_figures import accuracy_figure, depth_figure


def test_depth_figure_draws_geometric_means_over_depths_from_0_to_1(compared: Callable[..., Compared]) -> None:
    studies = [compared("FMNIST"), compared("MNIST")]
    (axes,) = depth_figure(studies, lambda study: study.model).axes
    bold = [line for line in axes.lines if line.get_marker() == "o"]
    assert [list(line.get_xdata()) for line in bold] == 2 * [[0, 1 / 3, 2 / 3, 1]]
    first = [math.exp(np.mean([math.log(1 / epoch + 0.01 * seed) for epoch in (2, 3)])) for seed in (0, 1, 2)]
    assert bold[0].get_ydata()[0] == pytest.approx(np.exp(np.mean(np.log(first))))
    assert len(axes.lines) == 2 * (3 + 1)
    assert len(depth_figure(studies, lambda study: study.dataset).axes) == 2


def test_depth_figure_leaves_frozen_layers_their_place(compared: Callable[..., Compared]) -> None:
    study = compared("FMNIST")
    study.histories.layers["rwc"][:, 0] = 0.0
    (axes,) = depth_figure([study], lambda _study: "").axes
    assert [list(line.get_xdata()) for line in axes.lines if line.get_marker() == "o"] == [[1 / 3, 2 / 3, 1]]


def test_accuracy_figure_has_a_row_per_study_and_cell_not_run(compared: Callable[..., Compared]) -> None:
    (axes,) = accuracy_figure(accuracy_table([compared("FMNIST")])).axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert len(names) == 12
    assert "VGG19-FMNIST\n3 of 5 seeds; 3 of 150 epochs" in names
    assert sum(name.endswith("not run") for name in names) == 11


@pytest.mark.parametrize("seeds", [4, 5])
def test_accuracy_figure_draws_the_range_of_seeds_and_the_interval_of_five(
    compared: Callable[..., Compared], seeds: int
) -> None:
    study = compared("FMNIST", seeds=tuple(range(seeds)))
    (axes,) = accuracy_figure(accuracy_table([study])).axes
    of_seeds = axes.collections[0].get_segments()
    assert [segment[:, 0].tolist() for segment in of_seeds] == [[53, 53 + seeds - 1]]
    assert len(axes.containers) == (seeds == 5)
    named = [text.get_text() for text in axes.get_legend().get_texts()]
    assert any("95 % interval" in name for name in named) == (seeds == 5)
