"""What a setting takes, for messages and help; words and names in any spelling; the nearest name."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args, get_origin

from data.datasets import plain


@dataclass(frozen=True, eq=False)  # a part of a type needs a hash
class Takes:
    """`text` completes `must be ...`; `words` are {a word without case, `-` and `_`: its value}."""

    text: str
    words: Mapping[str, Any] = field(default_factory=dict)

    def read(self, word: str) -> Any:
        """Return the value of a word; raise ValueError, which says what would be right."""
        if plain(word) not in self.words:
            raise ValueError(self.remedy(word))
        return self.words[plain(word)]

    def remedy(self, wrong: object) -> str:
        """Return what would be right, with the nearest word."""
        return f"must be {self.text}{nearest(str(wrong), self.words)}"


def nearest(wrong: str, words: Mapping[str, Any]) -> str:
    """Return ` (did you mean X?)` for the nearest word, or nothing."""
    close = difflib.get_close_matches(plain(wrong), words, n=1)
    return f" (did you mean {words[close[0]] if isinstance(words[close[0]], str) else close[0]}?)" if close else ""


def spellings(names: Iterable[str]) -> dict[str, str]:
    return {plain(name): name for name in names}


def one_of(names: Collection[str], *others: str) -> Takes:
    """Return a `Takes` of names; `others` describe what else is possible."""
    *first, last = (*names, *others)
    return Takes(f"one of {', '.join(first)}, {'or ' if others else ''}{last}", spellings(names))


def takes(kind: Any) -> Takes:
    """Return the `Takes` of a type: that of an `Annotated`, the words of a `Literal`, all parts of a union."""
    if get_origin(kind) is Annotated:
        return next(part for part in reversed(kind.__metadata__) if isinstance(part, Takes))
    if get_origin(kind) is Literal:
        return one_of(get_args(kind))
    parts = [takes(part) for part in get_args(kind)]
    return Takes(", or ".join(part.text for part in parts), {k: v for part in parts for k, v in part.words.items()})
