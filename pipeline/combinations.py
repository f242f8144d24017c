"""The studies that a sweep is made of: every combination of the values that its settings list."""

from collections.abc import Mapping
from dataclasses import fields
from itertools import product
from typing import Any

from pipeline.config import Config, checked
from pipeline.values import ConfigError

LISTED = [f.name for f in fields(Config) if f.metadata["changes_numbers"]] + ["epochs"]


def combinations(given: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the checked settings of every study, the last list turning fastest; raise ConfigError, for two alike too.

    What changes no numbers is the same for all of them, `epochs` apart; `seeds` are those of each.
    """
    lists = {name: given[name].split(",") for name in LISTED if "," in given.get(name, "")}
    made: dict[str, dict[str, Any]] = {}
    for values in product(*lists.values()):
        one = dict(zip(lists, (value.strip() for value in values), strict=True))
        settings = checked({**given, **one})
        key = repr(settings)
        if key in made:
            named = ", ".join(f"{name}={value}" for name, value in one.items())
            raise ConfigError(f"a sweep must name every study once; {named} stands twice: remove one")
        made[key] = settings
    return list(made.values())
