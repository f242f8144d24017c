"""The types of settings, and what each takes, for messages and help."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, TypeAdapter

from data import DATASETS
from data.datasets import plain
from models import registered
from models.custom import is_path
from models.names import TORCHVISION_PREFIX, torchvision_models

LONGEST = 6000  # characters of a param in MLflow
SMALLEST = 8  # height and width of images, pixels
OWN_MODEL = "path/to/file.py:factory"


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


_MODEL = one_of(registered(), f"{TORCHVISION_PREFIX}<name>", OWN_MODEL)
_ALIASES = {plain(name): known.name for known in DATASETS.values() for name in (known.name, *known.aliases)}
_DATASET = replace(one_of(DATASETS, "the path of an .npz file"), words=_ALIASES)


def _expanded(path: str) -> str:
    try:
        return str(Path(path).expanduser())
    except RuntimeError:
        raise ValueError("must be a path whose ~ names a user of this machine") from None


def _model_name(name: str) -> str:
    if is_path(name):
        return _expanded(name)
    if name.startswith(TORCHVISION_PREFIX):
        return TORCHVISION_PREFIX + _torchvision_name(name.removeprefix(TORCHVISION_PREFIX))
    return str(_MODEL.read(name))


def _torchvision_name(name: str) -> str:
    """Return torchvision's spelling; `_` counts where names differ by it alone, as regnet_x_16gf and _1_6gf do."""
    spelled = name.casefold().replace("-", "_")
    known = torchvision_models()
    alike = [spelled] if spelled in known else [each for each in known if plain(each) == plain(name)]
    if len(alike) != 1:
        hint = f" (did you mean {alike[0]}?)" if alike else nearest(name, spellings(known))
        raise ValueError(f"must name a classification model of torchvision, as {TORCHVISION_PREFIX}resnet50{hint}")
    return alike[0]


def _dataset(name: str) -> str:
    return _expanded(name) if name.endswith(".npz") else _DATASET.read(name)


def _distinct(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise ValueError
    if len(",".join(map(str, seeds))) > LONGEST:
        raise ValueError(f"must have at most {LONGEST:,} characters in all, the longest value that MLflow stores")
    return seeds


def _share(value: float) -> float:
    if not 0 <= value < 1:
        meant = f" (did you mean {value / 100:g}?)" if 1 < value < 100 else ""
        raise ValueError(f"must be {_SHARE.text}{meant}")
    return value


def _even(value: int) -> int:
    if value < SMALLEST or value % 2:
        raise ValueError(f"must be {_EVEN.text}, or none (did you mean {max(SMALLEST, value + value % 2)}?)")
    return value


def _percentage(value: float) -> float:
    """Refuse up to 1 %, which no study aims at: it is a share of 1."""
    if not 1 < value <= 100:
        meant = f" (did you mean {100 * value:g}?)" if 0.01 < value <= 1 else ""
        raise ValueError(f"must be {_PERCENTAGE.text}, or none, or paper{meant}")
    return value


_SHARE = Takes("a number from 0 to less than 1")
_EVEN = Takes(f"an even number of {SMALLEST} or more")
_PERCENTAGE = Takes("a percentage, more than 1 to 100")
Whole = Annotated[int, Field(ge=1), Takes("a whole number of 1 or more")]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), Takes("a number greater than 0")]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), Takes("a number of 0 or more")]
ImageSize = Annotated[int, AfterValidator(_even), _EVEN]
Share = Annotated[float, AfterValidator(_share), _SHARE]
Percent = Annotated[float, AfterValidator(_percentage), _PERCENTAGE]
Gpus = Annotated[
    Annotated[float, Field(ge=0.001, le=1)] | Annotated[float, Field(ge=0, multiple_of=1, allow_inf_nan=False)],
    Takes("0, a share of 1 from 0.001, or a whole number"),
]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), Takes("a text that is not empty")]
Folder = Annotated[Text, AfterValidator(_expanded)]
ModelName = Annotated[Text, AfterValidator(_model_name), _MODEL]
DatasetName = Annotated[Text, AfterValidator(_dataset), _DATASET]
Seeds = Annotated[
    tuple[Annotated[int, Field(ge=0, lt=2**63)], ...],
    BeforeValidator(lambda seeds: seeds.split(",") if isinstance(seeds, str) else seeds),
    Field(min_length=1),
    AfterValidator(_distinct),
    Takes("whole numbers of 0 or more, none twice, like 0,42,123"),
]
Switch = Annotated[bool, Field(strict=True), Takes("true or false", {"true": True, "false": False})]
Nothing = Annotated[None, Takes("none", {"none": None})]
ByTime = Annotated[None, Takes("auto", {"auto": None})]
Auto = Annotated[Literal["auto"], Takes("auto", {"auto": "auto"})]
Paper = Annotated[Literal["paper"], Takes("paper", {"paper": "paper"})]
distinct_seeds = TypeAdapter[tuple[int, ...]](Seeds).validate_python
