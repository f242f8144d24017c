"""The figures of a data set: a row of samples per class, and bars of the number of images."""

import numpy as np

from pipeline.analysis.figures.dataset_figures import balance_figure, samples_figure


def test_samples_figure_has_a_row_per_class() -> None:
    images = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), dtype=np.uint8)
    labels = np.array([0, 1, 0, 1, 1, 0], dtype=np.uint8)
    (axes,) = samples_figure(images, labels, ["cat", "dog"], "Pets").axes
    picture = axes.images[0].get_array()
    assert picture.shape == (2 * 4, 10 * 4)
    assert list(picture[0, ::4][:4]) == [0, 2, 5, 255]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]


def test_balance_figure_puts_many_classes_in_panels() -> None:
    panels = balance_figure([1] * 60, [1] * 60, [str(label) for label in range(60)], "Many").axes
    assert [len(axes.get_yticks()) for axes in panels] == [25, 25, 10]
    assert panels[2].get_yticklabels()[0].get_text() == "50"


def test_balance_figure_has_a_bar_per_class_and_part() -> None:
    (axes,) = balance_figure([30, 20], [3, 2], ["cat", "dog"], "Pets").axes
    assert [bar.get_width() for bar in axes.patches] == [30, 20, 3, 2]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["train (50)", "test (5)"]
