"""params.yaml: the defaults, and the paper's Table 1."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from data.datasets import plain
from pipeline.config.values import ConfigError, one_of

PARAMS = Path("params.yaml")
TABLE = "table_1"
OTHER = "other"


class _UniqueKeys(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [str(key.value) for key, _value in node.value]
        repeated = sorted({key for key in keys if keys.count(key) > 1})
        if repeated:
            raise ConfigError(f"{PARAMS}: {', '.join(repeated)} stands twice: remove one")
        return super().construct_mapping(node, deep)


def read_params() -> dict[str, Any]:
    """Return what params.yaml of the folder the project runs in holds; raise ConfigError."""
    try:
        content = yaml.load(PARAMS.read_text(), _UniqueKeys)  # a SafeLoader
    except OSError as error:
        raise ConfigError(
            f"{PARAMS.absolute()} cannot be read ({error.strerror}): run in the project's folder"
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{PARAMS} is not YAML ({reason}): write a line `name: value` a setting") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{PARAMS} holds no settings: write a line `name: value` a setting")
    return content


def read_table(table: Any, models: Iterable[str], datasets: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return Table 1 under the names' own spellings; raise ConfigError for names that do not exist."""
    model = one_of({plain(name): name for name in (*models, OTHER)}, plain)
    dataset = one_of({plain(name): name for name in (*datasets, OTHER)}, plain)
    try:
        return {model(name): {dataset(cell): pair for cell, pair in row.items()} for name, row in table.items()}
    except ConfigError as error:
        raise ConfigError(f"{PARAMS}: a name in {TABLE} {error}") from None
    except AttributeError:
        raise ConfigError(
            f"{PARAMS}: {TABLE} must hold a line `model: {{data set: [lr, weight_decay]}}` a model"
        ) from None


def paper_value(table: dict[str, dict[str, Any]], model: str, dataset: str, column: int) -> Any:
    """Return the learning rate (column 0) or weight decay (1) of a model on a data set; raise ConfigError."""
    try:
        row = table.get(model, {})
        return row.get(dataset, row.get(OTHER, table[OTHER][OTHER]))[column]
    except (KeyError, TypeError, IndexError):
        raise ConfigError(f"{PARAMS}: {TABLE} has no [lr, weight_decay] for {model} on {dataset}: add it") from None
