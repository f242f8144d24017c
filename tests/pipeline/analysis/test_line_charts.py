"""Charts of a report: places of points and names, what lines and points tell, and colours that stand out."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from pipeline.analysis.figures import style
from pipeline.analysis.figures.line_ends import spread
from pipeline.analysis.reports.colours import LEAST_CONTRAST, PAGE, contrast, shades
from pipeline.analysis.reports.epoch_charts import layers_chart
from pipeline.analysis.reports.line_charts import LOW, TALL, Chart
from pipeline.analysis.reports.lines import MOST_POINTS, MOST_TITLES, Line
from pipeline.analysis.reports.rendering import MISSING
from pipeline.analysis.reports.scales import FULL, NAMES, Scale, depth_ticks, epoch_ticks, of_depths, of_epochs
from pipeline.analysis.reports.study_charts import score_charts
from pipeline.analysis.statistics import Histories

GROUPS = {"stem": "", "a1": "block1", "a2": "block1", "b1": "block2", "fc": ""}
Make = Callable[..., Histories]


def chart_of(study: Histories, **options: object) -> Chart:
    return layers_chart(study, study.layers["rwc"], "RWC", **options)


def lines(chart: Chart) -> dict[str, Line]:
    return {named.line.curve.name: named.line for group in chart.groups.values() for named in group}


def places(path: str) -> list[list[tuple[int, int]]]:
    """Return the points of each piece of a path."""
    pieces = [np.array(piece.removesuffix("h0").split(), dtype=int).reshape(-1, 2) for piece in path.split("M")[1:]]
    return [[(int(x), int(y)) for x, y in piece] for piece in pieces]


def test_lines_stand_in_the_order_of_groups_with_layers_outside_groups_last_and_dashed(histories: Make) -> None:
    chart = chart_of(histories({0: 3, 7: 3}, GROUPS))
    assert {group: [named.line.curve.name for named in its] for group, its in chart.groups.items()} == {
        "block1": ["a1", "a2"], "block2": ["b1"], "no group": ["stem", "fc"],
    }  # fmt: skip
    assert [line.curve.dashed for line in lines(chart).values()] == [False, False, False, True, True]


def test_a_line_tells_layer_group_epochs_values_and_seeds(histories: Make) -> None:
    line = lines(chart_of(histories({0: 3, 7: 3}, GROUPS)))["a1"]
    assert (line.curve.across.what, line.told) == ("epoch ", [("1", "2.04"), ("2", "1.04"), ("3", "0.702")])
    assert line.last == "seed 0 0.667 · seed 7 0.737"
    assert [text for _path, text in line.seeds] == ["a1 · block1 · seed 0", "a1 · block1 · seed 7"]
    assert [text for _path, text in line.points][1] == "a1 · block1 · epoch 2 · mean 1.04 · seed 0 1 · seed 7 1.07"
    (points,) = places(line.path)
    assert [places(path)[0][0] for path, _text in line.points] == points


def test_the_line_of_one_seed_names_it_and_has_no_mean(histories: Make) -> None:
    line = lines(chart_of(histories({42: 2}, GROUPS)))["a1"]
    assert (line.seeds, line.last) == ([], "")
    assert line.points[0][1] == "a1 · block1 · epoch 1 · 2.42 · seed 42"


def test_many_seeds_are_told_by_their_range(histories: Make) -> None:
    line = lines(chart_of(histories(dict.fromkeys(range(9), 2), GROUPS)))["a1"]
    assert line.last == "9 seeds from 1 to 1.08"


def test_points_lie_where_the_axes_say(histories: Make) -> None:
    chart = chart_of(histories({0: 4}, GROUPS))
    (points,) = places(lines(chart)["stem"].path)
    assert [x for x, _y in points] == [round((epoch - 0.5) / 4 * NAMES) for epoch in (1, 2, 3, 4)]
    ticks = {float(tick.text): 10 * tick.place for tick in chart.y_ticks}
    assert points[0][1] == pytest.approx(ticks[1], abs=1)
    assert points[1][1] == pytest.approx(ticks[0.5], abs=1)


def test_a_missing_value_leaves_a_gap_and_a_value_alone_is_a_dot(histories: Make) -> None:
    study = histories({0: 5}, GROUPS)
    study.layers["rwc"][:, 1, [1, 3]] = np.nan
    line = lines(chart_of(study))["a1"]
    assert line.path.count("M") == line.path.count("h0") == 3
    assert [epoch for epoch, _value in line.told] == ["1", "3", "5"]


def test_a_layer_that_never_changed_has_a_name_and_no_line(histories: Make) -> None:
    study = histories({0: 3, 1: 3}, GROUPS)
    study.layers["rwc"][:, 1] = 0.0
    line = lines(chart_of(study))["a1"]
    assert (line.path, line.end, line.points, line.told) == ("", None, [], [])


def test_epochs_without_any_value_are_bridged(histories: Make) -> None:
    study = histories({0: 5}, GROUPS)
    study.layers["rwc"][:, :, 2:4] = np.nan
    (points,) = places(lines(chart_of(study))["a1"].path)
    assert [x for x, _y in points] == [94, 282, 846]


def test_names_stand_at_the_ends_where_there_is_room_else_below_or_nowhere(histories: Make) -> None:
    def placed(count: int, height: int) -> str:
        groups = {f"layer{number}": "all" for number in range(count)}
        return chart_of(histories({0: 2}, groups), height=height).names_are

    assert [placed(count, TALL) for count in (5, 24, 25, 120, 121)] == ["ends", "ends", "below", "below", "nowhere"]
    assert [placed(count, LOW) for count in (15, 16)] == ["ends", "nowhere"]


def test_names_that_would_be_cut_to_the_same_stand_below_in_full(histories: Make) -> None:
    stem = "a_name_longer_than_there_is_room_for"
    chart = chart_of(histories({0: 2}, {f"{stem}.{number}": "all" for number in range(3)}))
    assert (chart.names_are, chart.width) == ("below", len(stem) + 2)


def test_a_large_study_keeps_to_the_number_of_points(histories: Make) -> None:
    study = histories(dict.fromkeys(range(4), 40), {f"layer{number}": "all" for number in range(100)})
    drawn = lines(chart_of(study)).values()
    assert 2000 < sum(len(places(line.path)[0]) for line in drawn) <= MOST_POINTS
    assert 2000 < sum(len(places(path)[0]) for line in drawn for path, _text in line.seeds) <= MOST_POINTS
    assert sum(len(line.points) for line in drawn) <= MOST_TITLES
    assert {places(line.path)[0][-1][0] for line in drawn} == {round(39.5 / 40 * NAMES)}


def test_a_level_is_drawn_over_the_epochs(histories: Make) -> None:
    chart = chart_of(histories({0: 3}, GROUPS), levels={"half": np.array([1.0, 1.0, 0.5])})
    (points,) = places(chart.levels["half"])
    assert points[0][1] == points[1][1] < points[2][1]


def test_seeds_that_end_early_are_marked(histories: Make) -> None:
    assert chart_of(histories({0: 4, 1: 2, 2: 2}, GROUPS)).axes.stops == [NAMES / 2]


def test_charts_of_scores_have_a_line_for_each_part(histories: Make) -> None:
    accuracy, loss = score_charts(histories({0: 4, 1: 3}, GROUPS)).values()
    assert list(lines(accuracy)) == list(lines(loss)) == ["train", "test"]
    assert lines(accuracy)["test"].told[0] == ("1", "51.5")
    assert lines(accuracy)["test"].last == f"seed 0 54 · seed 1 {MISSING}"


@pytest.mark.parametrize(
    ("values", "log", "texts"),
    [
        ([0.02, 0.5], True, ["0.02", "0.05", "0.1", "0.2", "0.5"]),
        ([1e-6, 10], True, ["1e-06", "1e-05", "0.0001", "0.001", "0.01", "0.1", "1", "10"]),
        ([0.31, 0.34], True, ["0.31", "0.315", "0.32", "0.325", "0.33", "0.335", "0.34"]),
        ([0, 100], False, ["0", "20", "40", "60", "80", "100"]),
    ],
    ids=["two decades", "seven decades", "a part of a decade", "linear"],
)
def test_ticks_are_few_and_round(values: list[float], log: bool, texts: list[str]) -> None:
    ticks = Scale(np.array(values), log=log).ticks()
    assert sorted((tick.text for tick in ticks), key=float) == texts
    assert all(0 <= tick.place <= 100 for tick in ticks)


@pytest.mark.parametrize("values", [[], [np.nan], [0.0, 0.0], [3.0], [-1.0, -2.0]])
def test_a_scale_of_no_range_places_what_it_can(values: list[float]) -> None:
    scale = Scale(np.array(values, dtype=float), log=True)
    inside = scale.places([value for value in values if np.isfinite(value)])
    assert all(0 <= place <= FULL for place in inside)
    assert scale.ticks()


@pytest.mark.parametrize("last", [1, 2, 3, 12, 20, 150, 151, 10_000])
def test_ticks_of_epochs_are_whole_begin_at_one_and_do_not_touch(last: int) -> None:
    ticks = epoch_ticks(last)
    assert ticks[0].text == "1"
    assert all(float(tick.text).is_integer() for tick in ticks)
    assert np.all(np.diff([tick.place for tick in ticks]) > 5)
    assert ticks[0].place == pytest.approx(of_epochs(1, last) / 10)


def test_depths_reach_from_the_first_layer_to_the_last() -> None:
    assert of_depths([0, 0.5, 1]).tolist() == [0, NAMES / 2, NAMES]
    assert [tick.text for tick in depth_ticks()] == ["0", "0.25", "0.5", "0.75", "1"]


def test_names_are_spread_in_order_and_as_near_as_can_be() -> None:
    np.testing.assert_allclose(spread([50, 10, 12], 10, 0, 100), [50, 6, 16])
    np.testing.assert_allclose(spread([100, 100, 0], 10, 0, 100), [90, 100, 0])
    assert spread([1, 2, 3], 60, 0, 100) is None
    assert spread([], 10, 0, 100) is None


@pytest.mark.parametrize("colour", [*style.PALETTE, style.GREY])
@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_every_shade_stands_out_from_both_pages(colour: str, count: int) -> None:
    made = shades(colour, count)
    for page, colours in zip(("light", "dark"), zip(*made, strict=True), strict=True):
        assert min(contrast(shade, PAGE[page]) for shade in colours) >= LEAST_CONTRAST
        brightness = [sum(to_rgb(shade)) for shade in colours]
        assert brightness == sorted(brightness)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)
