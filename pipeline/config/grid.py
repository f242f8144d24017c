"""The studies that a sweep is made of: every combination of the values that its settings list."""

from collections.abc import Mapping
from dataclasses import fields
from itertools import product
from typing import Any

from pipeline.config.resolve import checked
from pipeline.config.settings import Config

LISTED = [f.name for f in fields(Config) if f.metadata["changes_numbers"]]


def combinations(given: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the checked settings of every study, the last list turning fastest; raise ConfigError.

    What changes no numbers is the same for all of them; `seeds` are those of each. `epochs` too: a study that is longer
    holds the shorter one.
    """
    lists = {name: given[name].split(",") for name in LISTED if "," in given.get(name, "")}
    return [
        checked({**given, **dict(zip(lists, map(str.strip, values), strict=True))})
        for values in product(*lists.values())
    ]
