"""Which layers are scale-invariant: multiplying their weights by a number does not change the network's output.

For example a convolution followed by BatchNorm. By Euler's theorem, the gradient of any function of the output is
orthogonal to the weights of these layers alone; of a filter that is invariant by itself, to the filter's weights.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from .forward import tensors_in
from .weights import Choice, Parameter, choice_of, chosen, layer_weights, parameters_of
from .wrappers import unwrapped

NEGLIGIBLE = 1e-20  # compared with the variances that norms divide by, in float64
EPSILONS = ("eps", "epsilon")  # words in the names of their constants: `eps`, `variance_epsilon`, `layer_norm_eps`
DRAWS = 0x6C617965  # seed of the random function; that of the network would draw the initial weights again
ORTHOGONAL = 1e-6  # largest cosine of weights and gradient that rounding explains
NORMS = {getattr(functional, f"{kind}_norm") for kind in ("batch", "group", "instance", "layer", "rms")}
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def scale_invariant_layers(model: nn.Module, inputs: Any, *, layers: Choice = None) -> list[str]:
    """Return the names of the scale-invariant layers, for the inputs of a forward pass in training.

    `inputs` is a tensor, or a tuple or dictionary of arguments: some images or sequences, two at least for BatchNorm.
    The test uses a random function of all tensors in the output, on a float64 copy of the model on the CPU, where the
    constants of norms are negligible and what is initialised to zero is random. Layers whose weights are parametrised
    (weight_norm) are not listed. The model and random generators are left unchanged.
    """
    found = _with_gradients(model, inputs, layers)
    return [each.layer for each in found if _orthogonal(*(part.reshape(1, -1) for part in _parts(each))).all()]


def scale_invariant_filters(model: nn.Module, inputs: Any, *, layers: Choice = None) -> dict[str, float]:
    """Return {layer: share of its filters, one for each output, that are scale-invariant by themselves}, 0 to 1.

    Before BatchNorm all are; before LayerNorm the layer is scale-invariant and no filter is; if BatchNorm takes half of
    a layer's outputs, half of the filters are and the layer is not.
    """
    found = _with_gradients(model, inputs, layers)
    orthogonal = {each.layer: _orthogonal(*(_filters(each, part) for part in _parts(each))) for each in found}
    return {layer: rows.double().mean().item() for layer, rows in orthogonal.items()}


def _with_gradients(model: nn.Module, inputs: Any, layers: Choice) -> Iterator[Parameter]:
    """Yield the layers of a copy of the model after a backward pass: those that have a gradient of their own."""
    draws = Generator().manual_seed(DRAWS)
    layer_weights(model, layers)  # raises ValueError
    names = [each.layer for each in chosen(parameters_of(model), choice_of(layers))]
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.enable_grad():
        network = _copy_of(model, draws)
        with _NegligibleConstants():
            output = _call(network, _float64(inputs))
        values = [each for each in tensors_in(output) if each.requires_grad]
        if not values:
            raise ValueError("the output has no tensor that depends on the weights: give the inputs of training")
        products = [each * torch.randn(each.shape, generator=draws, dtype=each.dtype) for each in values]
        sum(each.sum().real for each in products).backward()  # type: ignore[union-attr]
    for each in chosen(parameters_of(network), names):
        stored = each.stored[0]
        if stored.grad is not None and each.tensor is not None and stored.data_ptr() == each.tensor.data_ptr():
            yield each


def _copy_of(model: nn.Module, draws: Generator) -> nn.Module:
    network = deepcopy(unwrapped(model)).to("cpu", torch.float64).train()
    for module in network.modules():
        for name, value in vars(module).items():
            if isinstance(value, float) and not {*name.split("_")}.isdisjoint(EPSILONS):
                setattr(module, name, NEGLIGIBLE)
    for parameter in network.parameters():
        if parameter.is_floating_point() and not is_lazy(parameter):
            parameter.requires_grad_(True)
            if not parameter.any():
                nn.init.normal_(parameter, generator=draws)
    return network


class _NegligibleConstants(TorchFunctionMode):
    """Replaces the constants of torch's norms, also where a network calls their functions itself."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in NORMS:
            kwargs = {**kwargs, "eps": NEGLIGIBLE}
        return func(*args, **(kwargs or {}))


def _float64(value: Any) -> Any:
    """Return inputs on the CPU, with float64 for floating-point numbers."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", torch.float64 if value.is_floating_point() else value.dtype)
    if isinstance(value, Mapping):
        return {key: _float64(each) for key, each in value.items()}
    return [_float64(each) for each in value] if isinstance(value, list | tuple) else value


def _call(network: nn.Module, inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return network(**inputs)
    return network(*inputs) if isinstance(inputs, list) else network(inputs)


def _parts(parameter: Parameter) -> tuple[Tensor, Tensor]:
    """Return a layer's weight and gradient."""
    stored = parameter.stored[0]
    assert stored.grad is not None
    return stored.detach(), stored.grad


def _filters(parameter: Parameter, tensor: Tensor) -> Tensor:
    """Return a weight or its gradient as a matrix, a row for each output."""
    if isinstance(parameter.module, nn.Embedding | nn.EmbeddingBag):
        return tensor.T
    if isinstance(parameter.module, TRANSPOSED):
        groups: int = parameter.module.groups
        tensor = tensor.view(groups, len(tensor) // groups, *tensor.shape[1:]).movedim(2, 1).flatten(0, 1)
    return tensor.flatten(1)


def _orthogonal(weight: Tensor, gradient: Tensor) -> Tensor:
    """Return for each row whether weight and gradient are orthogonal; rows of zeros are not."""
    along, lengths = (weight * gradient).sum(1).abs(), weight.norm(dim=1) * gradient.norm(dim=1)
    return torch.logical_and(along < ORTHOGONAL * lengths, lengths > 0)
