"""Charts of rows: range, interval, marks and bars lie where the axis says, and are named where there are any."""

import math

import pytest

from pipeline.analysis.reports.row_charts import Bar, RowChart, Spot, row_chart

NAN = math.nan
FEW = Spot("few", 50.0, 40.0, 60.0, NAN, NAN, "50 %", "few: more", mark=55.0)
MANY = Spot("many", 80.0, 70.0, 90.0, 75.0, 85.0, "80 %", "many: more")


def place(chart: RowChart, text: str) -> float:
    return next(10 * tick.place for tick in chart.ticks if tick.text == text)


def test_a_row_has_a_point_a_range_and_an_interval_where_there_is_one() -> None:
    few, many = row_chart([FEW, MANY], "percent").rows
    assert set(few.paths) == {"range", "mark", "spot"}
    assert set(many.paths) == {"range", "interval", "spot"}


def test_places_are_those_of_the_ticks() -> None:
    chart = row_chart([FEW, MANY], "percent")
    few, many = chart.rows
    assert few.paths["spot"] == f"M{place(chart, '50'):.0f} 5h0"
    assert many.paths["range"] == f"M{place(chart, '70'):.0f} 5H{place(chart, '90'):.0f}"


def test_the_legend_names_what_is_drawn() -> None:
    assert row_chart([FEW], "percent").legend == "Thin: lowest to highest seed; upright: the paper"
    assert "thick: 95 % interval of the mean, from 5 seeds on" in row_chart([FEW, MANY], "percent").legend
    assert row_chart([Spot("one", 1.0, 1.0, 1.0, NAN, NAN, "1", "one")], "percent").legend == ""


def test_ratios_lie_around_the_reference_on_a_logarithmic_axis() -> None:
    spots = [Spot(str(ratio), ratio, NAN, NAN, NAN, NAN, "", "") for ratio in (0.5, 2.0)]
    chart = row_chart(spots, "ratio", log=True, reference=1)
    assert chart.reference == pytest.approx(500)
    assert [row.paths["spot"] for row in chart.rows] == ["M45 5h0", "M955 5h0"]


def test_bars_have_room_and_their_texts() -> None:
    bars = [Bar(1.0, 4.0, ("#000000", "#ffffff"), "up"), Bar(1.0, 0.5, ("#000000", "#ffffff"), "down")]
    chart = row_chart([Spot("layer", 2.0, NAN, NAN, NAN, NAN, "x 2", "", bars=bars)], "factor", log=True, reference=1)
    (row,) = chart.rows
    one = place(chart, "1")
    assert [(path, bar.told) for path, bar in row.bars] == [
        (f"M{one:.0f} 5H955", "up"), (f"M{one:.0f} 5H45", "down"),
    ]  # fmt: skip
