"""params.yaml: the defaults, and what `paper` means: Table 1 and the length of training."""

from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import yaml
from pydantic import AfterValidator, BeforeValidator, TypeAdapter, ValidationError

from data import DATASETS
from models import registered
from pipeline.config.values import NotNegative, Percent, Positive, Whole, one_of
from pipeline.console.errors import BadInput

PARAMS = Path("params.yaml")
TABLE, LENGTHS, OTHER = "table_1", "lengths", "other"


Content = TypeVar("Content")


class Rates(NamedTuple):
    """A cell of Table 1."""

    lr: Positive
    weight_decay: NotNegative


class Length(NamedTuple):
    """How long the paper trains on a data set: the epochs, and the accuracy that stops a seed, if any."""

    epochs: Whole
    target_val_acc: Annotated[Percent | None, BeforeValidator(lambda text: None if text == "none" else text)]


_Model = Annotated[str, AfterValidator(one_of((*registered(), OTHER)).read)]
_Dataset = Annotated[str, AfterValidator(one_of((*DATASETS, OTHER)).read)]
_TABLE = TypeAdapter(dict[_Model, dict[_Dataset, Rates]])
_LENGTHS = TypeAdapter(dict[_Dataset, Length])


class _Texts(yaml.BaseLoader):
    """Reads every value as text, as options are given: 1e-3 is as good as 0.001."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [str(key.value) for key, _value in node.value]
        if repeated := sorted({key for key in keys if keys.count(key) > 1}):
            raise BadInput(f"{PARAMS}: {', '.join(repeated)} appears twice: remove one")
        return super().construct_mapping(node, deep)


def read_params() -> dict[str, Any]:
    """Return what params.yaml of the working folder holds, as text; raise BadInput."""
    try:
        content = yaml.load(PARAMS.read_text(), _Texts)  # it makes texts, lists and dicts alone
    except OSError as error:
        raise BadInput(f"{PARAMS.absolute()} cannot be read ({error.strerror}): run in the project's folder") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise BadInput(f"{PARAMS} is not YAML ({reason}): write a line `name: value` per setting") from None
    if not isinstance(content, dict):
        raise BadInput(f"{PARAMS} holds no settings: write a line `name: value` per setting")
    return content


def paper_rates(model: str, dataset: str) -> Rates:
    """Return what Table 1 has for a model and a data set, or for `other` ones; raise BadInput."""
    table = _read(TABLE, _TABLE, "model: {data set: [lr, weight_decay]}` for each model")
    row = table.get(model, {})
    found = row.get(dataset) or row.get(OTHER) or table.get(OTHER, {}).get(OTHER)
    if found is None:
        raise BadInput(f"{PARAMS}: {TABLE} has no [lr, weight_decay] for {model} on {dataset}: add it")
    return found


def paper_length(dataset: str) -> Length:
    """Return how long the paper trains on a data set, or on `other` ones; raise BadInput."""
    lengths = _read(LENGTHS, _LENGTHS, "data set: [epochs, target_val_acc]` for each data set")
    found = lengths.get(dataset) or lengths.get(OTHER)
    if found is None:
        raise BadInput(f"{PARAMS}: {LENGTHS} has no [epochs, target_val_acc] for {dataset}: add it")
    return found


def _read(key: str, kind: TypeAdapter[Content], line: str) -> Content:
    """Return a table of params.yaml, checked; raise BadInput, which says what a line must look like."""
    try:
        return kind.validate_python(read_params().get(key))
    except ValidationError as error:
        wrong = error.errors()[0]
        names = wrong["loc"][-1:] == ("[key]",) and wrong.get("ctx", {}).get("error")
        remedy = f"a name in {key} {names}" if names else f"{key} must hold a line `{line}"
        raise BadInput(f"{PARAMS}: {remedy}; got {wrong['input']!r}") from None
