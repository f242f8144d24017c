"""The layers of a network: the weights that multiply their input, told by the type of the module."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils.parametrize import ParametrizationList, is_parametrized
from torch.overrides import TorchFunctionMode

Weights = dict[str, Tensor]

LAYERS = (
    nn.Linear, nn.Bilinear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d,
    nn.ConvTranspose3d, nn.Embedding, nn.EmbeddingBag, nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase,
)  # fmt: skip
NORMS = (nn.LayerNorm, nn.RMSNorm)  # the scales of the others have one dimension
LENGTHS = "weight_g"  # of the deprecated weight_norm, beside the directions in weight_v


def layer_weights(model: nn.Module, layers: Iterable[str] | None = None) -> Weights:
    """Return {layer: weights}, not copied, named without `.weight`, in the order of `model.named_parameters()`.

    Layers are convolutions, linear and recurrent layers, projections of attention and embeddings; of modules of other
    types, parameters called `weight`, `weight_<name>` or `<name>_weight`. Not layers are scales of normalisation and
    of residual branches, tokens, positions, and parameters of one dimension. A parametrised weight (weight_norm) is the
    one that the layer computes with. With `layers`, names or patterns (`*`) of parameters of two or more dimensions,
    those are returned, in the order of `layers`; ValueError for one that matches none.
    """
    found = {each.layer: each for each in _parameters(model)}
    if layers is None:
        return {layer: each.tensor for layer, each in found.items() if each.multiplies}
    chosen = [layer for pattern in layers for layer in _matching(pattern, found)]
    return {layer: found[layer].tensor for layer in chosen}


def other_parameters(model: nn.Module) -> list[str]:
    """Return the names of the parameters of two or more dimensions that are not layers unless `layers` names them."""
    return [each.layer for each in _parameters(model) if not each.multiplies]


@torch.no_grad()
def forward_order(model: nn.Module, images: Tensor, layers: Iterable[str] | None = None) -> list[str]:
    """Return the names of the layers in the order in which `model(images)` first uses them; unused ones come last."""
    uses = _Uses()
    with uses:
        model(images)
    first = {each.layer: min(map(uses.first, each.stored), default=uses.never) for each in _parameters(model)}
    return sorted(layer_weights(model, layers), key=first.__getitem__)


def copy_of(weights: Weights) -> Weights:
    """Return a copy of the weights."""
    return {layer: weight.clone() for layer, weight in weights.items()}


class _Parameter(NamedTuple):
    """A parameter of two or more dimensions: what a module computes with, and what the module stores of it."""

    layer: str
    tensor: Tensor
    stored: tuple[Tensor, ...]
    multiplies: bool


def _parameters(model: nn.Module) -> Iterator[_Parameter]:
    seen: set[Tensor] = set()
    for path, module in model.named_modules():
        if isinstance(module, ParametrizationList):
            continue
        parts: dict[str, tuple[Tensor, ...]] = {name: (own,) for name, own in module.named_parameters(recurse=False)}
        if is_parametrized(module):
            parts |= {name: tuple(each.parameters()) for name, each in module.parametrizations.items()}
        for name, stored in parts.items():
            if seen.isdisjoint(stored) and not isinstance(stored[0], UninitializedParameter):
                tensor = _read(module, name)
                if tensor.ndim >= 2:
                    layer = f"{path}.{name}".removeprefix(".").removesuffix(".weight")
                    yield _Parameter(layer, tensor, stored, _multiplies(module, name, tensor))
            seen.update(stored)


def _read(module: nn.Module, name: str) -> Tensor:
    """Return a tensor of a module; reading spectral_norm's in training mode would be a step of its power iteration."""
    if not is_parametrized(module, name):
        return getattr(module, name).detach()  # type: ignore[no-any-return]
    parametrization: nn.Module = module.parametrizations[name]  # type: ignore[index, assignment]
    training = parametrization.training
    parametrization.eval()
    tensor: Tensor = getattr(module, name).detach()
    parametrization.train(training)
    return tensor


def _multiplies(module: nn.Module, name: str, tensor: Tensor) -> bool:
    if isinstance(module, LAYERS):
        return name != LENGTHS and not name.startswith("bias")
    is_scale = tensor.ndim > 2 and sum(size > 1 for size in tensor.shape) == 1  # like C x 1 x 1
    return "weight" in name.split("_") and not is_scale and not isinstance(module, NORMS)


def _matching(pattern: str, found: Iterable[str]) -> list[str]:
    names = list(found)
    matches = [pattern] if pattern in names else [name for name in names if fnmatchcase(name, pattern)]
    if not matches:
        raise ValueError(f"layers: {pattern!r} matches no parameter of two or more dimensions: {', '.join(names)}")
    return matches


class _Uses(TorchFunctionMode):
    """Notes when each tensor is first given to a function that returns tensors: `weight.shape` is no use of it."""

    never = float("inf")

    def __init__(self) -> None:
        super().__init__()
        self._first: dict[int, int] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if any(True for _ in _tensors_in(result)):
            for tensor in _tensors_in([args, kwargs or {}]):
                self._first.setdefault(id(tensor), len(self._first))
        return result

    def first(self, tensor: Tensor) -> float:
        return self._first.get(id(tensor), self.never)


def _tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _tensors_in(each)
    elif isinstance(value, dict):
        yield from _tensors_in(list(value.values()))
