"""How a network is trained: which layers are measured, in the order of its forward pass, and its layout in memory."""

from functools import cache
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from data.loader import channels_second
from models import ARCHITECTURES, Architecture
from models.architectures import SIZE, Size
from pipeline.measure import forward_order
from pipeline.training.attempt import checked
from pipeline.training.loop import autocast
from pipeline.training.small_maps import convolve_small_maps

IMAGES = 2  # BatchNorm needs two
FORMATS = (torch.channels_last, torch.contiguous_format)  # the faster one first
TOLERANCE = 0.05  # of gradients in float32, relative to those in float64: far above rounding, far below an error


class Layout(NamedTuple):
    """`layers` are in the order of the forward pass; `refusal` says why memory is not channels-last, or is empty."""

    layers: tuple[str, ...]
    memory_format: torch.memory_format
    refusal: str


@cache
def layout_of(
    architecture: Architecture, channels: int, classes: int, device: str, precision: str, image_size: Size = SIZE
) -> Layout:
    """Return the layout of an architecture, from random images; raise what the network raises.

    A network that views the output of a convolution as vectors, for example, needs contiguous memory. The random
    generators are left unchanged.
    """
    refusals: list[Exception] = []
    for memory_format in FORMATS:
        try:
            layers = _layers(architecture, channels, classes, memory_format, device, precision, image_size)
        except Exception as error:  # a network may raise anything
            refusals.append(error)
        else:
            return Layout(layers, memory_format, " ".join(str(error) for error in refusals))
    raise refusals[-1]


def lay_out(network: nn.Module, memory_format: torch.memory_format) -> nn.Module:
    """Lay out all tensors of four dimensions, in place; `Module.to` refuses networks that have some of five."""
    for tensor in chain(network.parameters(), network.buffers()):
        if tensor.ndim == 4:
            tensor.data = tensor.data.to(memory_format=memory_format)
    return network


def _layers(
    architecture: Architecture,
    channels: int,
    classes: int,
    memory_format: torch.memory_format,
    device: str,
    precision: str,
    image_size: Size,
) -> tuple[str, ...]:
    """Return the layers in the order of the forward pass, if images pass forward and back with right gradients."""
    with torch.random.fork_rng():
        built = architecture.build(input_channels=channels, num_classes=classes, image_size=image_size).to(device)
        network, parameters = lay_out(built, memory_format), {name for name, _each in built.named_parameters()}
        convolve_small_maps(network, device)
        images = torch.randn(IMAGES, *image_size, channels, device=device)
        turned = channels_second(images, memory_format)
        with autocast(images, precision):
            logits = checked(network.train()(turned), IMAGES, classes, training=True)
            if new := {name for name, _each in network.named_parameters()} - parameters:
                raise RuntimeError(
                    f"{min(new)} is created in forward, too late for the optimizer: create it in __init__"
                )
            if not logits.requires_grad:
                raise RuntimeError("no parameter has a gradient: leave requires_grad of some true, and detach nothing")
            logits.float().square().mean().backward()  # type: ignore[no-untyped-call]  # torch gives it no types
            layers = forward_order(network.eval(), turned, architecture.layers)
        if architecture not in ARCHITECTURES.values():
            _refuse_other_gradients(network.eval(), images, memory_format)
    return tuple(layers)


def _refuse_other_gradients(network: nn.Module, images: Tensor, memory_format: torch.memory_format) -> None:
    """Raise where a gradient is not that of a contiguous copy in float64, unless the network runs in float32 alone."""
    try:
        expected = _gradients(network, channels_second(images.double(), torch.contiguous_format))
    except Exception:  # there is nothing to compare with
        return
    for name, found in _gradients(network, channels_second(images, memory_format)).items():
        size = expected[name].norm().item()
        if 0 < size < float("inf"):
            error = (found - expected[name]).norm().item() / size
            if error > TOLERANCE:
                raise ArithmeticError(f"the gradient of {name} differs by {error:.0%} from that in float64")


def _gradients(network: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Return the gradients of a copy of the weights in the dtype and memory format of the images."""
    state = {
        name: tensor.detach().to(images.dtype) if tensor.is_floating_point() else tensor
        for name, tensor in chain(network.named_parameters(), network.named_buffers())
    }
    if images.dtype == torch.float64:
        state = {name: tensor.contiguous() for name, tensor in state.items()}
    trained = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    weights = [state[name].requires_grad_() for name in trained]
    loss = functional_call(network, state, (images,)).square().mean()
    return dict(zip(trained, torch.autograd.grad(loss, weights, materialize_grads=True), strict=True))
