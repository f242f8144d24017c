"""The order in which the forward pass of a network uses its layers."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .weights import Choice, layer_weights, parameters_of


@torch.no_grad()
def forward_order(model: nn.Module, images: Tensor, layers: Choice = None) -> list[str]:
    """Return the names of the layers in the order in which `model(images)` first uses them; unused ones come last."""
    uses = _Uses()
    with uses:
        model(images)
    first = {each.layer: min(map(uses.first, each.stored), default=uses.never) for each in parameters_of(model)}
    return sorted(layer_weights(model, layers), key=first.__getitem__)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in nested lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from tensors_in(each)
    elif isinstance(value, Mapping):
        yield from tensors_in(list(value.values()))


class _Uses(TorchFunctionMode):
    """Notes when each tensor is first given to a function that returns tensors: `weight.shape` is no use of it."""

    never = float("inf")

    def __init__(self) -> None:
        super().__init__()
        self._first: dict[int, int] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if any(True for _ in tensors_in(result)):
            for tensor in tensors_in([args, kwargs or {}]):
                self._first.setdefault(id(tensor), len(self._first))
        return result

    def first(self, tensor: Tensor) -> float:
        return self._first.get(id(tensor), self.never)
