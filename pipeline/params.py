"""params.yaml: the defaults, and the paper's Table 1."""

from pathlib import Path
from typing import Any

import yaml

from pipeline.values import ConfigError

PARAMS = Path("params.yaml")
TABLE = "table_1"


def read_params() -> dict[str, Any]:
    """Return what params.yaml of the folder the project runs in holds; raise ConfigError."""
    try:
        content = yaml.safe_load(PARAMS.read_text())
    except OSError as error:
        raise ConfigError(
            f"{PARAMS.absolute()} cannot be read ({error.strerror}): run in the project's folder"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{PARAMS} is not YAML ({reason}): write a line `name: value` a setting") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{PARAMS} holds no settings: write a line `name: value` a setting")
    return content


def paper_value(table: Any, model: str, dataset: str, column: int) -> Any:
    """Return the learning rate (column 0) or weight decay (1) of a model on a data set; raise ConfigError."""
    try:
        row = table.get(model, table["other"])
        return row.get(dataset, row["other"])[column]
    except (AttributeError, KeyError, TypeError, IndexError):
        raise ConfigError(f"{PARAMS}: {TABLE} has no [lr, weight_decay] for {model} on {dataset}: add it") from None
