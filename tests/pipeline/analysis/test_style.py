"""Colours of groups and layers, and the number of seeds in words."""

from matplotlib.colors import to_rgb

from pipeline.analysis.figures import style


def test_seeds_text_counts_missing_seeds() -> None:
    assert style.seeds_text([1, 2], 3) == "2 of 3 seeds"
    assert style.seeds_text([1], 1) == "1 seed"


def test_shades_go_from_dark_to_light_and_groups_have_different_colours() -> None:
    dark, light = style.shades("#0072B2", 2)
    assert sum(dark) < sum(to_rgb("#0072B2")) < sum(light)
    colours = style.group_colours(["", "a", "a", "b"])
    assert len(set(colours.values())) == 3
