"""How a network is trained: which layers are measured, in the order of its forward pass, and its layout in memory."""

from functools import cache
from itertools import chain
from typing import NamedTuple

import torch
from torch import nn

from data.loader import channels_second
from models import Architecture
from pipeline.measure import forward_order

IMAGES = 2  # BatchNorm needs two
FORMATS = (torch.channels_last, torch.contiguous_format)  # the faster one first


class Layout(NamedTuple):
    """`layers` are in the order of the forward pass; `refusal` says why memory is not channels-last, or is empty."""

    layers: tuple[str, ...]
    memory_format: torch.memory_format
    refusal: str


@cache
def layout_of(architecture: Architecture, channels: int, classes: int) -> Layout:
    """Return the layout of an architecture, from random images on the CPU; raise what the network raises.

    A network that views the output of a convolution as vectors, for example, needs contiguous memory. The random
    generators are left unchanged.
    """
    refusals: list[Exception] = []
    for memory_format in FORMATS:
        try:
            layers = _layers(architecture, channels, classes, memory_format)
        except Exception as error:  # a network may raise anything
            refusals.append(error)
        else:
            return Layout(layers, memory_format, " ".join(str(error) for error in refusals))
    raise refusals[-1]


def lay_out(network: nn.Module, memory_format: torch.memory_format) -> nn.Module:
    """Lay out the weights of convolutions over images, in place; `Module.to` refuses those over volumes beside them."""
    for tensor in chain(network.parameters(), network.buffers()):
        if tensor.ndim == 4:
            tensor.data = tensor.data.to(memory_format=memory_format)
    return network


def _layers(
    architecture: Architecture, channels: int, classes: int, memory_format: torch.memory_format
) -> tuple[str, ...]:
    """Return the layers in the order of the forward pass, if images pass forward and back."""
    with torch.random.fork_rng(devices=[]):
        network = lay_out(architecture.build(input_channels=channels, num_classes=classes), memory_format)
        images = channels_second(torch.randn(IMAGES, 32, 32, channels), memory_format)
        layers = forward_order(network.eval(), images, architecture.layers)
        network.train()(images).square().mean().backward()
    return tuple(layers)
