"""The figures hold what they say: a thin line a seed, a bold mean, the paper's groups, marks where seeds stopped."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from pipeline.analysis.figures import style
from pipeline.analysis.figures.samples import balance_figure, samples_figure
from pipeline.analysis.figures.study_figures import (
    accuracy_and_loss,
    rwc_by_layer,
    rwc_heat_map,
    rwc_of_groups,
    write_figures,
)

GROUPS = {"stem": "", "a1": "block1", "a2": "block1", "b1": "block2", "c1": "block3", "d1": "block4", "fc": ""}


def test_a_bold_mean_and_a_thin_line_a_seed_for_every_layer(histories: Callable) -> None:
    (axes,) = rwc_by_layer(histories({0: 4, 7: 4}, GROUPS), "title").axes
    (thin,) = axes.collections
    assert len(thin.get_segments()) == 2 * len(GROUPS)
    np.testing.assert_allclose(thin.get_segments()[0], [(epoch, 1 / epoch) for epoch in (1, 2, 3, 4)])
    np.testing.assert_allclose(thin.get_segments()[len(GROUPS)][:, 1], [1 / epoch + 0.07 for epoch in (1, 2, 3, 4)])
    bold = [line for line in axes.lines if len(line.get_xdata()) == 4]
    assert len(bold) == len(GROUPS)
    assert thin.get_linewidth()[0] < 1 < bold[0].get_linewidth()
    assert thin.get_zorder() < bold[0].get_zorder()
    np.testing.assert_allclose(bold[0].get_ydata(), [1 / epoch + 0.035 for epoch in (1, 2, 3, 4)])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "block1", "block2", "block3", "block4", "outside the groups",
    ]  # fmt: skip
    assert (axes.get_xlabel(), axes.get_yscale()) == ("epoch", "log")


def test_a_thin_line_and_its_mean_have_one_colour_and_end_where_the_seed_did(histories: Callable) -> None:
    (axes,) = rwc_of_groups(histories({0: 3, 7: 2}, GROUPS), ["block1", "block2"], "title").axes
    (thin,) = axes.collections
    bold = [line for line in axes.lines if len(line.get_xdata()) == 3]
    np.testing.assert_allclose(thin.get_colors()[:, :3], 2 * [to_rgb(line.get_color()) for line in bold])
    assert [len(segment[np.isfinite(segment[:, 1])]) for segment in thin.get_segments()] == [3, 3, 3, 2, 2, 2]


@pytest.mark.parametrize(("seeds", "pixels"), [(5, 0), (200, 1)], ids=["few lines", "many"])
def test_many_thin_lines_are_pixels_in_an_svg(histories: Callable, tmp_path: Path, seeds: int, pixels: int) -> None:
    study = histories(dict.fromkeys(range(seeds), 30), GROUPS)
    assert (seeds * 30 * len(GROUPS) > style.MOST_VECTOR_POINTS) == pixels
    style.write(rwc_by_layer(study, "title"), tmp_path, "rwc")
    svg = (tmp_path / "rwc.svg").read_text()
    assert svg.count("<image") == pixels
    assert len(svg) < 1_000_000
    shades = np.unique(imread(tmp_path / "rwc.png")[200:500, 200:600].reshape(-1, 4), axis=0)
    assert len(shades) > 100  # the lines are in the PNG


def test_the_epochs_after_which_seeds_are_missing_are_marked(histories: Callable) -> None:
    (axes,) = rwc_by_layer(histories({0: 4, 7: 2, 9: 2}, GROUPS), "title").axes
    (mark,) = [line for line in axes.lines if list(line.get_xdata()) == [2.5, 2.5]]
    assert list(mark.get_ydata()) == [0, 1]
    assert "seed 7 after 2, seed 9 after 2" in axes.get_xlabel()


def test_many_stops_are_counted_instead_of_named(histories: Callable) -> None:
    (axes,) = rwc_by_layer(histories({seed: seed + 1 for seed in range(9)}, GROUPS), "title").axes
    assert axes.get_xlabel().endswith("8 seeds, after 1 to 8")
    marks = [line for line in axes.lines if list(line.get_ydata()) == [0, 1]]
    assert len(marks) == 8
    assert marks[0].get_alpha() < 1


def test_a_group_figure_names_its_layers(histories: Callable) -> None:
    (axes,) = rwc_of_groups(histories({0: 3}, GROUPS), ["block1", "block2"], "title").axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["block1  a1", "block1  a2", "block2  b1"]


def test_the_heat_map_has_a_row_a_layer_from_the_top(histories: Callable) -> None:
    axes, _bar = rwc_heat_map(histories({0: 3, 7: 2}, GROUPS), "title").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(GROUPS)
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    values = axes.collections[0].get_array().reshape(len(GROUPS), 3)
    assert values[1, 0] == pytest.approx(2.035)
    assert "seed 7 after 2" in axes.get_xlabel()


def test_accuracy_and_loss_have_a_band_a_part(histories: Callable) -> None:
    left, right = accuracy_and_loss(histories({0: 3, 7: 3}, GROUPS), "title").axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("accuracy, %", "cross-entropy")
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["train", "test"]
    assert len(left.collections) == len(right.collections) == 2


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
def test_every_figure_is_written_twice(
    histories: Callable, tmp_path: Path, groups: dict[str, str], names: set[str], epochs: dict[int, int]
) -> None:
    write_figures(histories(epochs, groups), tmp_path, title="Net-Set", asked=2)
    expected = names | {"rwc_layers", "rwc_heatmap", "accuracy_loss"}
    assert {path.name for path in tmp_path.iterdir()} == {f"{n}.{end}" for n in expected for end in ("png", "svg")}


def test_layers_that_never_change_can_be_drawn(histories: Callable, tmp_path: Path) -> None:
    study = histories({0: 2}, GROUPS)
    study.layers["value"] = 0.0
    write_figures(study, tmp_path, title="Net-Set", asked=1)
    assert (tmp_path / "rwc_heatmap.png").stat().st_size > 1000


def test_missing_seeds_are_said() -> None:
    assert style.seeds_text([1, 2], 3) == "2 of 3 seeds"
    assert style.seeds_text([1], 1) == "1 seed"


def test_shades_go_from_dark_to_light_and_groups_differ() -> None:
    dark, light = style.shades("#0072B2", 2)
    assert sum(dark) < sum(to_rgb("#0072B2")) < sum(light)
    colours = style.group_colours(["", "a", "a", "b"])
    assert len(set(colours.values())) == 3


def test_a_row_of_samples_a_class() -> None:
    images = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), dtype=np.uint8)
    labels = np.array([0, 1, 0, 1, 1, 0], dtype=np.uint8)
    (axes,) = samples_figure(images, labels, ["cat", "dog"], "Pets").axes
    picture = axes.images[0].get_array()
    assert picture.shape == (2 * 4, 10 * 4)
    assert list(picture[0, ::4][:4]) == [0, 2, 5, 255]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]


def test_a_hundred_classes_stand_side_by_side() -> None:
    panels = balance_figure([1] * 60, [1] * 60, [str(label) for label in range(60)], "Many").axes
    assert [len(axes.get_yticks()) for axes in panels] == [25, 25, 10]
    assert panels[2].get_yticklabels()[0].get_text() == "50"


def test_a_bar_a_class_and_part() -> None:
    (axes,) = balance_figure([30, 20], [3, 2], ["cat", "dog"], "Pets").axes
    assert [bar.get_width() for bar in axes.patches] == [30, 20, 3, 2]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["train (50)", "test (5)"]
