"""The studies of a sweep: every combination of the listed values of settings."""

from collections.abc import Mapping
from itertools import product

from pipeline.config.resolve import read_settings
from pipeline.config.schema import CHANGE_NUMBERS, Settings


def combinations(given: Mapping[str, str]) -> list[Settings]:
    """Return the settings of every study, the last list varies fastest; raise BadInput.

    Settings that do not change the numbers are the same for all studies: `seeds` are those of each, and `epochs` is one
    number, since a longer study contains the shorter one.
    """
    lists = {name: given[name].split(",") for name in CHANGE_NUMBERS if "," in given.get(name, "")}
    return [read_settings({**given, **dict(zip(lists, values, strict=True))}) for values in product(*lists.values())]
