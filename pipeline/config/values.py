"""From what a person wrote to checked values: each parser returns one, or says in one line what would be right."""

import difflib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.console.errors import BadInput

Parser = Callable[[Any], Any]
LONGEST = 6000  # characters of a param in MLflow


class ConfigError(BadInput):
    """A setting is wrong."""


def nearest(name: str, known: Mapping[str, str]) -> str:
    """Return ` (did you mean X?)` for the nearest of {name: its spelling}, or nothing."""
    close = difflib.get_close_matches(name.casefold(), known, n=1)
    return f" (did you mean {known[close[0]]}?)" if close else ""


def whole(minimum: int, maximum: int | None = None) -> Parser:
    """Parse a whole number in a range."""
    bounds = f"a whole number of {minimum} or more" if maximum is None else f"a whole number, {minimum} to {maximum}"

    def parse(value: Any) -> int:
        try:
            number = int(str(value))
        except ValueError:
            raise ConfigError(f"must be {bounds}") from None
        if isinstance(value, bool) or number < minimum or (maximum is not None and number > maximum):
            raise ConfigError(f"must be {bounds}")
        return number

    return parse


def real(description: str, holds: Callable[[float], bool]) -> Parser:
    """Parse a finite number that fits the description; 1e-3 is one, though PyYAML reads it as text."""

    def parse(value: Any) -> float:
        try:
            number = float(str(value))
        except ValueError:
            raise ConfigError(f"must be {description}") from None
        if isinstance(value, bool) or not math.isfinite(number) or not holds(number):
            raise ConfigError(f"must be {description}")
        return number

    return parse


def word_or(word: str, meaning: Any, parser: Parser) -> Parser:
    """Parse a word that stands for a meaning, or else what the parser takes."""

    def parse(value: Any) -> Any:
        if isinstance(value, str) and value.casefold() == word:
            return meaning
        try:
            return parser(value)
        except ConfigError as error:
            raise ConfigError(f"{error}, or {word}") from None

    return parse


def switch(value: Any) -> bool:
    """Parse true or false."""
    words = {"true": True, "false": False}
    if str(value).casefold() not in words:
        raise ConfigError("must be true or false")
    return words[str(value).casefold()]


def text(value: Any) -> str:
    """Parse text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigError("must be a text that is not empty")
    return value.strip()


def expanded(value: str) -> str:
    """Parse a path that may start with ~."""
    try:
        return str(Path(value).expanduser())
    except RuntimeError:
        raise ConfigError("must be a path whose ~ names a user of this machine") from None


def one_of(names: Mapping[str, str], key: Callable[[str], str] = str.casefold) -> Parser:
    """Parse a name out of {key of a name: its spelling}."""

    def parse(value: Any) -> str:
        spelling = names.get(key(str(value)))
        if spelling is None:
            known = ", ".join(dict.fromkeys(names.values()))
            raise ConfigError(f"must be one of {known}{nearest(key(str(value)), names)}")
        return spelling

    return parse


def distinct_seeds(value: Any) -> tuple[int, ...]:
    """Parse whole numbers, separated by commas, none twice."""
    parts = list(value) if isinstance(value, list | tuple) else str("" if value is None else value).split(",")
    example = "must be whole numbers of 0 or more, none twice, like 0,42,123"
    try:
        seeds = tuple(whole(0, 2**63 - 1)(str(part).strip()) for part in parts)
    except ConfigError:
        raise ConfigError(example) from None
    if not seeds or len(set(seeds)) < len(seeds):
        raise ConfigError(example)
    if len(",".join(map(str, seeds))) > LONGEST:
        raise ConfigError(f"must have at most {LONGEST:,} characters in all, as MLflow keeps no longer values")
    return seeds
