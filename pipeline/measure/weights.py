"""The layers of a network: the weights that multiply their input, told by the type of the module."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from .effective import Effective, effective_weights
from .wrappers import is_a, named_modules

Weights = dict[str, Tensor]
Choice = str | Iterable[str] | None

LAYERS = (
    nn.Linear, nn.Bilinear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d,
    nn.ConvTranspose3d, nn.Embedding, nn.EmbeddingBag, nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase,
)  # fmt: skip
NORMS = (nn.LayerNorm, nn.RMSNorm)  # the scales of the others have one dimension
TRAINABLE = "trainable"


@dataclass(frozen=True)
class Parameter:
    """A parameter of two or more dimensions: what a module computes with, and what the module stores of it.

    `tensor` is None before a lazy module has seen a batch, and where a parametrisation raises an exception. `others`
    are the names of the modules that share it.
    """

    layer: str
    module: nn.Module
    tensor: Tensor | None
    stored: tuple[Tensor, ...]
    multiplies: bool
    others: list[str] = field(default_factory=list)

    @property
    def trains(self) -> bool:
        return any(tensor.requires_grad for tensor in self.stored)


def layer_weights(model: nn.Module, layers: Choice = None) -> Weights:
    """Return {layer: weights}, not copied, named without `.weight`, in the order of `model.named_parameters()`.

    Layers are convolutions, linear and recurrent layers, projections of attention and embeddings; of modules of other
    types, parameters called `weight`, `weight_<name>` or `<name>_weight`. Not layers are scales of normalisation and
    of residual branches, tokens, positions, and parameters of one dimension. A weight that is parametrised
    (weight_norm) or pruned is the one that the layer computes with; one that several modules share has the first one's
    name. Names are those of the network inside DistributedDataParallel, torch.compile and other wrappers.

    `layers="trainable"` leaves out those that are frozen. With names or patterns (`*`) of parameters of two or more
    dimensions, those are returned, in the order of `layers`; ValueError for one that matches none.
    """
    found = parameters_of(model)
    layers = choice_of(layers)
    if names := unmatched(found, layers):
        known = ", ".join(each.layer for each in found)
        raise ValueError(f"layers: {names[0]!r} matches no parameter of two or more dimensions: {known}")
    return {each.layer: each.tensor for each in chosen(found, layers) if each.tensor is not None}


def other_parameters(model: nn.Module) -> list[str]:
    """Return the names of the parameters of two or more dimensions that are not layers unless `layers` names them."""
    return [each.layer for each in parameters_of(model) if not each.multiplies]


@torch.inference_mode(False)
def copy_of(weights: Weights) -> Weights:
    """Return a copy of the weights."""
    return {layer: weight.clone() for layer, weight in weights.items()}


def choice_of(layers: Choice) -> str | tuple[str, ...] | None:
    """Return `layers` so that it can be read again; one name or pattern need not be in a list."""
    if layers is None or layers == TRAINABLE:
        return layers
    return (layers,) if isinstance(layers, str) else tuple(layers)


def unmatched(found: Iterable[Parameter], layers: Choice) -> list[str]:
    """Return the names and patterns that match no parameter."""
    if layers is None or isinstance(layers, str):
        return []
    named = _by_name(found)
    return [pattern for pattern in layers if not _matching(pattern, named)]


def chosen(found: Iterable[Parameter], layers: Choice) -> list[Parameter]:
    """Return the parameters that `layers` means, in its order; names that match none are ignored."""
    if layers is None or isinstance(layers, str):
        return [each for each in found if each.multiplies and (each.trains or layers is None)]
    named = _by_name(found)
    return list({each.layer: each for pattern in layers for each in _matching(pattern, named)}.values())


@torch.no_grad()
def parameters_of(model: nn.Module) -> list[Parameter]:
    """Return the parameters of two or more dimensions, each once; FSDP2 gets the memory of whole layers back."""
    owners: dict[Tensor, Parameter | None] = {}
    for path, module in named_modules(model):
        if is_a(module, "FSDPModule"):  # after an evaluation the outermost one holds its layers as a whole
            module.reshard()  # type: ignore[operator]
        for each in effective_weights(module):
            layer = f"{path}.{each.name}".removeprefix(".").removesuffix(".weight")
            shared = [owners[tensor] for tensor in each.stored if tensor in owners]
            if not shared:
                owners |= dict.fromkeys(each.stored, _parameter(layer, module, each))
            elif shared[0] and layer not in (shared[0].layer, *shared[0].others):
                shared[0].others.append(layer)
    return list({id(each): each for each in owners.values() if each}.values())


def _parameter(layer: str, module: nn.Module, weight: Effective) -> Parameter | None:
    tensor = _read(weight)
    if tensor is None:
        is_layer = isinstance(module, LAYERS) and not weight.name.startswith("bias")
        return Parameter(layer, module, None, weight.stored, multiplies=True) if is_layer else None
    multiplies = _multiplies(module, weight.name, tensor)
    return Parameter(layer, module, tensor, weight.stored, multiplies) if tensor.ndim >= 2 else None


def _read(weight: Effective) -> Tensor | None:
    if any(is_lazy(tensor) for tensor in weight.stored):
        return None
    try:
        return weight.read().detach()
    except Exception:  # a parametrisation may raise anything, of weights that are NaN for example
        return None


def _multiplies(module: nn.Module, name: str, tensor: Tensor) -> bool:
    if isinstance(module, LAYERS):
        return not name.startswith("bias")
    is_scale = tensor.ndim > 2 and sum(size > 1 for size in tensor.shape) == 1  # like C x 1 x 1
    return "weight" in name.split("_") and not is_scale and not isinstance(module, NORMS)


def _by_name(found: Iterable[Parameter]) -> dict[str, Parameter]:
    return {name: each for each in found for name in (each.layer, *each.others)}


def _matching(pattern: str, named: Mapping[str, Parameter]) -> list[Parameter]:
    """Return the parameter of that name, else those that match; a name takes one look, in every sampled step."""
    if pattern in named:
        return [named[pattern]]
    return [each for name, each in named.items() if fnmatchcase(name, pattern)]
