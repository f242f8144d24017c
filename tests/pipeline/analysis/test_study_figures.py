"""The figures of a study: bold means, thin lines of the seeds, the paper's groups, marks of seeds that ended early."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread

from models import ARCHITECTURES
from pipeline.analysis.figures import curves, style
from pipeline.analysis.figures.study_figures import (
    accuracy_and_loss,
    groups_figure,
    heat_map,
    study_figures,
    write_figures,
)
from pipeline.analysis.paper import ACCURACIES, figure_medians
from pipeline.analysis.statistics import Histories
from tests.support.measurements import with_layers

GROUPS = {"stem": "", "a1": "block1", "a2": "block1", "b1": "block2", "c1": "block3", "d1": "block4", "fc": ""}


def rwc_layers(study: Histories, title: str) -> Figure:
    return curves.layers_figure(study, "rwc", "RWC", title)


def test_every_layer_has_a_bold_mean_and_a_thin_line_per_seed(histories: Callable) -> None:
    (axes,) = rwc_layers(histories({0: 4, 7: 4}, GROUPS), "title").axes
    (thin,) = axes.collections
    assert len(thin.get_segments()) == 2 * len(GROUPS)
    np.testing.assert_allclose(thin.get_segments()[0], [(epoch, 1 / epoch) for epoch in (1, 2, 3, 4)])
    np.testing.assert_allclose(thin.get_segments()[len(GROUPS)][:, 1], [1 / epoch + 0.07 for epoch in (1, 2, 3, 4)])
    bold = [line for line in axes.lines if len(line.get_xdata()) == 4]
    assert len(bold) == len(GROUPS)
    assert thin.get_linewidth()[0] < 1 < bold[0].get_linewidth()
    assert thin.get_zorder() < bold[0].get_zorder()
    np.testing.assert_allclose(bold[0].get_ydata(), [1 / epoch + 0.035 for epoch in (1, 2, 3, 4)])
    (legend,) = axes.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "block1", "block2", "block3", "block4", "no group",
    ]  # fmt: skip
    assert (axes.get_xlabel(), axes.get_yscale()) == ("epoch", "log")


def test_every_line_is_named_at_its_end_where_there_is_room(histories: Callable) -> None:
    figure = rwc_layers(histories({0: 4, 7: 4}, GROUPS), "title")
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["stem", "fc", "a1", "a2", "b1", "c1", "d1"]
    assert [text.xy[1] for text in axes.texts][2:4] == pytest.approx([2 / 4 + 0.035, 3 / 4 + 0.035])
    figure.draw_without_rendering()
    boxes = sorted((text.get_window_extent().y0, text.get_window_extent().y1) for text in axes.texts)
    assert all(top < bottom for (_low, top), (bottom, _high) in pairwise(boxes))


def test_many_layers_are_told_by_their_groups_alone(histories: Callable) -> None:
    (axes,) = rwc_layers(histories({0: 2}, {f"layer{number}": "all" for number in range(40)}), "title").axes
    assert not axes.texts
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["all"]


def test_thin_lines_have_the_colour_of_their_mean_and_end_with_their_seed(histories: Callable) -> None:
    (axes,) = groups_figure(histories({0: 3, 7: 2}, GROUPS), ["block1", "block2"], "title").axes
    (thin,) = axes.collections
    bold = [line for line in axes.lines if len(line.get_xdata()) == 3]
    np.testing.assert_allclose(thin.get_colors()[:, :3], 2 * [to_rgb(line.get_color()) for line in bold])
    assert [len(segment[np.isfinite(segment[:, 1])]) for segment in thin.get_segments()] == [3, 3, 3, 2, 2, 2]


@pytest.mark.parametrize(("seeds", "pixels"), [(5, 0), (200, 1)], ids=["few lines", "many"])
def test_many_thin_lines_are_an_image_in_the_svg(histories: Callable, tmp_path: Path, seeds: int, pixels: int) -> None:
    study = histories(dict.fromkeys(range(seeds), 30), GROUPS)
    assert (seeds * 30 * len(GROUPS) > style.MOST_VECTOR_POINTS) == pixels
    style.write(rwc_layers(study, "title"), tmp_path, "rwc")
    svg = (tmp_path / "rwc.svg").read_text()
    assert svg.count("<image") == pixels
    assert len(svg) < 1_000_000
    shades = np.unique(imread(tmp_path / "rwc.png")[200:500, 200:600].reshape(-1, 4), axis=0)
    assert len(shades) > 100  # the lines are in the PNG


def test_epochs_after_which_seeds_ended_early_are_marked(histories: Callable) -> None:
    (axes,) = rwc_layers(histories({0: 4, 7: 2, 9: 2}, GROUPS), "title").axes
    (mark,) = [line for line in axes.lines if list(line.get_xdata()) == [2.5, 2.5]]
    assert list(mark.get_ydata()) == [0, 1]
    assert "seed 7 after epoch 2, seed 9 after epoch 2" in axes.get_xlabel()


def test_many_early_ends_are_counted_instead_of_named(histories: Callable) -> None:
    (axes,) = rwc_layers(histories({seed: seed + 1 for seed in range(9)}, GROUPS), "title").axes
    assert axes.get_xlabel().endswith("8 seeds, after epochs 1 to 8")
    marks = [line for line in axes.lines if list(line.get_ydata()) == [0, 1]]
    assert len(marks) == 8
    assert marks[0].get_alpha() < 1


def test_groups_figure_names_its_layers(histories: Callable) -> None:
    (axes,) = groups_figure(histories({0: 3}, GROUPS), ["block1", "block2"], "title").axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["block1  a1", "block1  a2", "block2  b1"]


def test_heat_map_has_a_row_per_layer_with_the_first_at_the_top(histories: Callable) -> None:
    axes, _bar = heat_map(histories({0: 3, 7: 2}, GROUPS), "title").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(GROUPS)
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    values = axes.collections[0].get_array().reshape(len(GROUPS), 3)
    assert values[1, 0] == pytest.approx(2.035)
    assert "seed 7 after epoch 2" in axes.get_xlabel()


def test_accuracy_and_loss_have_a_mean_and_a_thin_line_per_seed(histories: Callable) -> None:
    left, right = accuracy_and_loss(histories({0: 3, 7: 2}, GROUPS), "title").axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("accuracy, %", "cross-entropy")
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["train", "test"]
    assert len(left.collections) == len(right.collections) == 2
    assert [list(line.get_ydata()) for line in left.lines if len(line.get_xdata()) == 3] == [[44.5, 45.5, 43],
                                                                                         [54.5, 55.5, 53]]  # fmt: skip
    seeds = left.collections[1].get_segments()
    assert [seed[np.isfinite(seed[:, 1])].tolist() for seed in seeds] == [[[1, 51], [2, 52], [3, 53]],
                                                                        [[1, 58], [2, 59]]]  # fmt: skip


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        (GROUPS, {"rwc_block1_block2", "rwc_block2_block3", "rwc_block3_block4"}),
        ({"x": "early", "y": "middle", "z": "later"}, {"rwc_early_middle_later"}),
        ({"x": "", "y": ""}, set()),
    ],
    ids=["pairs", "three together", "no groups"],
)
@pytest.mark.parametrize("epochs", [{0: 1}, {0: 3, 7: 2}], ids=["one point", "two seeds"])
def test_every_figure_is_written_as_png_and_svg(
    histories: Callable, tmp_path: Path, groups: dict[str, str], names: set[str], epochs: dict[int, int]
) -> None:
    write_figures(histories(epochs, groups), tmp_path, title="Net-Set", asked=2)
    expected = names | {name.replace("rwc", "rwc_elementwise") for name in names}
    expected |= {"rwc_layers", "rwc_heatmap", "terms", "accuracy_loss"}
    assert {path.name for path in tmp_path.iterdir()} == {f"{n}.{end}" for n in expected for end in ("png", "svg")}


def test_layers_that_never_change_can_be_drawn(histories: Callable, tmp_path: Path) -> None:
    study = histories({0: 2}, GROUPS)
    for metric in study.layers.keys() - {"weights"}:
        study.layers[metric][:] = 0.0
    write_figures(study, tmp_path, title="Net-Set", asked=1)
    assert (tmp_path / "rwc_heatmap.png").stat().st_size > 1000
    assert not (tmp_path / "terms.png").exists()


def test_straightness_and_remaining_distance_are_drawn_at_the_epochs_that_have_them(histories: Callable) -> None:
    made = histories({0: 4, 7: 4}, GROUPS)
    rwc = made.layers["rwc"]
    snapshots = np.where(np.arange(4) < 3, rwc, np.nan)
    made = with_layers(made, straightness=rwc, remaining_distance=snapshots)
    figures = dict(study_figures(made, "title"))
    for name, epochs in (("straightness", [1, 2, 3, 4]), ("remaining_distance", [1, 2, 3])):
        (axes,) = figures[name].axes
        assert len([line for line in axes.lines if list(line.get_xdata()) == epochs]) == len(GROUPS)
    assert [1, 1] in [list(line.get_ydata()) for line in figures["straightness"].axes[0].lines]


def test_long_names_of_layers_and_groups_leave_room_for_the_figure(histories: Callable, tmp_path: Path) -> None:
    deep = ".".join(["block"] * 60)
    groups = {f"{deep}.{n}": f"{deep} {n}" for n in range(4)}
    study = histories({0: 3}, groups)
    axes, _bar = heat_map(study, "title").axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert (len(set(names)), max(map(len, names))) == (4, 61)
    assert len({name for name, _figure in study_figures(study, "title")}) == 10
    style.write(heat_map(study, "title"), tmp_path, "heat_map")


def test_the_paper_s_form_is_drawn_with_the_paper_s_values_where_it_has_such_a_study(
    histories: Callable[..., Histories],
) -> None:
    study = histories({0: 3, 7: 3}, {"conv1": "early", "conv2": "middle", "conv3": "later", "fc": ""})
    for dataset, names in {"FMNIST": ["early", "middle", "later"], "Digits": []}.items():
        figures = dict(study_figures(study, "title", figure_medians("AlexNet", dataset)))
        (axes,) = figures["rwc_elementwise_early_middle_later"].axes
        named = [text.get_text() for text in axes.get_legend().get_texts()]
        assert [text.split()[0] for text in named if "in the paper" in text] == names
        assert len([patch for patch in axes.patches if patch.get_alpha()]) == len(names)
        (plain,) = figures["rwc_early_middle_later"].axes
        assert not any("in the paper" in text.get_text() for text in plain.get_legend().get_texts())
    assert figure_medians("AlexNet", "FMNIST")["later"] == (1.08, 1.2)


def test_the_paper_s_figures_have_every_group_of_its_networks() -> None:
    for model, cells in ACCURACIES.items():
        for dataset in cells:
            found = figure_medians(model, dataset)
            assert list(found) == list(ARCHITECTURES[model].groups)
            assert all(0 < low < median for low, median in found.values())
