"""The parsers of `model_name` and `dataset`: each spelling of a name, or the path of a file."""

from typing import Any

from data import DATASETS
from data.datasets import plain
from models import ARCHITECTURES
from models.custom import is_path
from models.torchvision_models import TORCHVISION_MODELS, TORCHVISION_PREFIX
from pipeline.config.values import ConfigError, expanded, nearest, one_of

OWN_MODEL = "path/to/file.py:factory"
_DATASET_NAMES = {plain(name): known.name for known in DATASETS.values() for name in (known.name, *known.aliases)}
_MODEL_NAMES = {plain(name): name for name in ARCHITECTURES}


def model_name(value: Any) -> str:
    name = str(value).strip()
    if is_path(name):
        return str(expanded(name))
    if name.startswith(TORCHVISION_PREFIX):
        return TORCHVISION_PREFIX + _torchvision_name(name.removeprefix(TORCHVISION_PREFIX))
    try:
        return str(one_of(_MODEL_NAMES, plain)(name))
    except ConfigError as error:
        raise ConfigError(f"{error}, {TORCHVISION_PREFIX}<name>, or {OWN_MODEL}") from None


def _torchvision_name(name: str) -> str:
    """Return torchvision's spelling; `_` counts where names differ by it alone, as regnet_x_16gf and _1_6gf do."""
    spelled = name.casefold().replace("-", "_")
    names = {known: known for known in TORCHVISION_MODELS}
    alike = [spelled] if spelled in names else [known for known in names if plain(known) == plain(name)]
    if len(alike) != 1:
        hint = f" (did you mean {alike[0]}?)" if alike else nearest(spelled, names)
        raise ConfigError(f"must name a classification model of torchvision, as {TORCHVISION_PREFIX}resnet50{hint}")
    return alike[0]


def dataset(value: Any) -> str:
    if str(value).endswith(".npz"):
        return str(expanded(str(value)))
    try:
        return str(one_of(_DATASET_NAMES, plain)(value))
    except ConfigError as error:
        raise ConfigError(f"{error}, or the path of an .npz file") from None
