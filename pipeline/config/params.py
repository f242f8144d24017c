"""params.yaml: the defaults, and the paper's Table 1."""

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import yaml
from pydantic import AfterValidator, TypeAdapter, ValidationError

from data import DATASETS
from models import registered
from pipeline.config.values import NotNegative, Positive, one_of
from pipeline.console.errors import BadInput

PARAMS = Path("params.yaml")
TABLE, OTHER = "table_1", "other"


class Rates(NamedTuple):
    """A cell of Table 1."""

    lr: Positive
    weight_decay: NotNegative


_Model = Annotated[str, AfterValidator(one_of((*registered(), OTHER)).read)]
_Dataset = Annotated[str, AfterValidator(one_of((*DATASETS, OTHER)).read)]
_TABLE = TypeAdapter(dict[_Model, dict[_Dataset, Rates]])


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
    try:
        table = _TABLE.validate_python(read_params().get(TABLE))
        row = table.get(model, {})
        return row.get(dataset) or row.get(OTHER) or table[OTHER][OTHER]
    except ValidationError as error:
        wrong = error.errors()[0]
        name = wrong.get("ctx", {}).get("error")
        line = "must hold a line `model: {data set: [lr, weight_decay]}` for each model"
        remedy = f"a name in {TABLE} {name}" if name else f"{TABLE} {line}"
        raise BadInput(f"{PARAMS}: {remedy}; got {wrong['input']!r}") from None
    except KeyError:
        raise BadInput(f"{PARAMS}: {TABLE} has no [lr, weight_decay] for {model} on {dataset}: add it") from None
