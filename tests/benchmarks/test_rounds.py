"""Ratios of paired times, and turns that are taken fairly."""

from benchmarks.rounds import Ratio, ratio, time_in_turns


def test_the_ratio_is_the_median_of_the_rounds_with_an_interval_around_it() -> None:
    measured = ratio([2.0, 3.0, 8.0], [1.0, 1.0, 2.0])
    assert (measured.median, measured.rounds) == (3, 3)
    assert 2 <= measured.low <= 3 <= measured.high <= 4
    assert str(ratio([1.0, 1.0], [2.0, 2.0])) == "0.5 (0.5 to 0.5, 2 rounds)"


def test_a_target_inside_the_interval_cannot_be_told() -> None:
    measured = Ratio(median=1.0, low=0.9, high=1.1, rounds=9)
    assert [measured.at_most(target) for target in (0.8, 1.05, 1.2)] == [False, None, True]
    assert [measured.at_least(target) for target in (0.8, 1.05, 1.2)] == [True, None, False]


def test_every_other_round_runs_in_reverse_and_warming_up_is_not_counted() -> None:
    seen: list[str] = []
    seconds = time_in_turns({"a": lambda: seen.append("a"), "b": lambda: seen.append("b")}, rounds=2)
    assert "".join(seen) == "ba" + "ab" + "ba"
    assert {name: len(times) for name, times in seconds.items()} == {"a": 2, "b": 2}


def test_no_round_begins_after_the_budget_but_two_are_timed() -> None:
    seconds = time_in_turns({"a": lambda: None}, rounds=9, budget=0)
    assert len(seconds["a"]) == 2
