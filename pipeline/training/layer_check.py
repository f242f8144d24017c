"""The names of a network's layers and groups, checked before anything is trained."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.parameter import UninitializedParameter

from models import Architecture, ModelError
from pipeline.measure import layer_weights, other_parameters, why_unmeasurable

NAME = re.compile(r"[\w.\- ]+")  # allowed by MLflow in the key of a metric


def check_layers(architecture: Architecture, network: nn.Module) -> None:
    """Raise ModelError if a layer cannot be measured or named in MLflow, or if a group matches no layer."""
    name = architecture.name
    layers = _layers(architecture, network)
    for each in (*layers, *architecture.groups):
        if not NAME.fullmatch(each):
            raise ModelError(f"{name}: {each!r} may have letters, digits, '_', '-', '.' and spaces only")
    patterns = ((group, pattern) for group, its in architecture.groups.items() for pattern in its)
    for group, pattern in patterns:
        if not any(fnmatchcase(layer, pattern) for layer in layers):
            hint = _hint(pattern, layers, other_parameters(network))
            raise ModelError(f"{name}: {pattern!r} in the group {group!r} matches no layer{hint}")


def _layers(architecture: Architecture, network: nn.Module) -> list[str]:
    name = architecture.name
    if lazy := [key for key, each in network.named_parameters() if isinstance(each, UninitializedParameter)]:
        raise ModelError(f"{name}: {lazy[0]} has no size before the first batch: give it one")
    try:
        weights = layer_weights(network, architecture.layers)
    except ValueError as error:
        raise ModelError(f"{name}: {error}: change `layers`") from error
    if not weights:
        others = ", ".join(other_parameters(network))
        remedy = f"name some of {others} in `layers`" if others else "give it a convolution or a linear layer"
        raise ModelError(f"{name} has no layer to measure, like a convolution or a linear layer: {remedy}")
    for layer, weight in weights.items():
        if why := why_unmeasurable(weight):
            raise ModelError(f"{name}: {layer} cannot be measured ({why}): name the others in `layers`")
    return list(weights)


def _hint(pattern: str, layers: Sequence[str], others: Sequence[str]) -> str:
    if any(fnmatchcase(other, pattern) for other in others):
        return ", but a parameter that is measured only if `layers` names it"
    near = get_close_matches(pattern, layers, n=1)
    return f" (did you mean {near[0]}?)" if near else f"; the layers are {', '.join(layers)}"
