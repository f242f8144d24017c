"""The figure of an own loop's history: the lines, colours and axes of a study's figure `rwc_layers`."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.analysis.figures.curves import layers_figure
from pipeline.analysis.statistics import Histories
from pipeline.measure import plot
from pipeline.measure.history import Row
from pipeline.measure.keys import thirds

NAMES = [f"layer{number}" for number in range(7)]


def drawn(figure: Figure) -> list[Line2D]:
    """Return the lines of layers, without the marks of a legend."""
    return [line for line in figure.axes[0].lines if len(line.get_xdata())]


def rows(epochs: int, layers: int = 3) -> list[Row]:
    return [
        Row(epoch, f"layer{layer}", "rwc", 0.1 * (layer + 1) / epoch)
        for epoch in range(1, epochs + 1)
        for layer in range(layers)
    ]


@pytest.mark.parametrize("epochs", [3, 30])
def test_it_draws_what_a_study_draws(histories: Callable[..., Histories], epochs: int) -> None:
    study = histories({0: epochs}, thirds(NAMES))  # one seed: the means are its values
    theirs = layers_figure(study, "rwc", "relative weight change per epoch", "")
    values = study.layers["rwc"][0]
    ours = plot(
        Row(epoch, layer, "rwc", value)
        for layer, of_layer in zip(NAMES, values, strict=True)
        for epoch, value in enumerate(of_layer, start=1)
    )
    assert len(drawn(ours)) == len(drawn(theirs)) == len(NAMES)
    for our, their in zip(drawn(ours), drawn(theirs), strict=True):
        assert np.array_equal(our.get_xydata(), their.get_xydata())
        assert to_hex(our.get_color()) == to_hex(their.get_color())
        for property_of in (Line2D.get_linewidth, Line2D.get_linestyle, Line2D.get_marker, Line2D.get_markersize):
            assert property_of(our) == property_of(their)
    (our_axes,), (their_axes,) = ours.axes, theirs.axes
    for drawing in (ours, theirs):
        drawing.draw_without_rendering()
    assert our_axes.get_xlim() == their_axes.get_xlim()
    assert (our_axes.get_xlabel(), our_axes.get_ylabel()) == (their_axes.get_xlabel(), their_axes.get_ylabel())
    assert our_axes.get_yscale() == their_axes.get_yscale() == "log"
    assert [text.get_text() for text in our_axes.get_yticklabels()] == [
        text.get_text() for text in their_axes.get_yticklabels()
    ]


def legend_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_few_layers_are_named_and_many_are_not() -> None:
    assert legend_of(plot(rows(2))) == ["first  layer0", "middle  layer1", "last  layer2"]
    assert legend_of(plot(rows(2, layers=25))) == ["first", "middle", "last"]


def test_measurements_every_so_many_steps_have_an_axis_of_steps() -> None:
    (axes,) = plot(rows(4), every=50).axes
    assert axes.lines[0].get_xdata().tolist() == [50, 100, 150, 200]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "relative weight change per 50 steps")


def test_a_layer_that_appears_later_begins_there() -> None:
    late = [*rows(1, layers=1), Row(2, "layer0", "rwc", 0.2), Row(2, "added", "rwc", 0.3)]
    first, added = drawn(plot(late))
    assert first.get_xdata().tolist() == [1, 2]
    assert added.get_xdata().tolist() == [2]


def test_values_below_zero_and_values_that_are_all_zero_have_a_linear_axis() -> None:
    for value in (-1.0, 0.0):
        (axes,) = plot([Row(1, "a", "gain", 0.0), Row(2, "a", "gain", value)], "gain").axes
        assert (axes.get_yscale(), axes.get_ylabel()) == ("linear", "gain")


def test_a_figure_can_be_saved(tmp_path: Path) -> None:
    plot(rows(1)).savefig(tmp_path / "rwc.png")
    assert (tmp_path / "rwc.png").read_bytes().startswith(b"\x89PNG")


def test_a_history_without_the_measurement_is_refused_with_what_it_has() -> None:
    with pytest.raises(ValueError, match=r"^no weight_norm in this history; it has rwc$"):
        plot(rows(1), "weight_norm")
    with pytest.raises(ValueError, match=r"^the history has no epoch yet$"):
        plot([])


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'layerwise\[plot\]'"):
        plot(rows(1))
