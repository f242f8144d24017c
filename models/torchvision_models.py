"""Torchvision's classification models, named `torchvision:<name>`, with stems that leave enough of small images."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from torch import nn
from torchvision.models import get_model, get_model_weights

from models.architectures import Architecture, Size
from models.names import TORCHVISION_PREFIX

SMALL = 64  # smaller images keep their size up to the second convolution, as is usual for CIFAR
# arguments that some families need to return logits alone, or for the height and width of the images
ARGUMENTS: dict[str, dict[str, Any]] = {
    "googlenet": {"aux_logits": False, "init_weights": False},
    "inception_v3": {"aux_logits": False, "init_weights": False},
}
SIZED: dict[str, Callable[[int, int], dict[str, Any]]] = {
    "vit": lambda height, width: {"image_size": min(height, width)},
    "maxvit": lambda height, width: {"input_size": (height, width)},
}


@cache
def torchvision_architecture(name: str) -> Architecture:
    """Return the architecture of a classification model, without groups."""
    return Architecture(
        name=f"{TORCHVISION_PREFIX}{name}",
        factory=partial(build_adapted, name),
        groups={},
        imagenet=str(get_model_weights(name).DEFAULT),
        takes_size=True,
    )


def build_adapted(name: str, *, input_channels: int, num_classes: int, image_size: int | Size) -> nn.Module:
    """Return a new network of a classification model; not every one of them fits images of every size.

    It is torchvision's own for images of 3 channels that are SMALL or larger. Smaller ones keep their size up to the
    second convolution: if the first has stride 2, it becomes 3 x 3 with stride 1, and max-pooling before the second is
    removed. Other stems (patches with stride 4) keep their size. A new first convolution has PyTorch's default
    initialisation.
    """
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    family = name if name in ARGUMENTS else name.partition("_")[0]
    arguments = ARGUMENTS.get(family, {}) | (SIZED[family](height, width) if family in SIZED else {})
    network: nn.Module = get_model(name, weights=None, num_classes=num_classes, **arguments)
    modules = list(network.named_modules())
    convolutions = [index for index, (_path, module) in enumerate(modules) if isinstance(module, nn.Conv2d)]
    first, second = [*convolutions, len(modules)][:2]
    path, stem = modules[first]
    small = min(height, width) < SMALL
    halves = small and stem.stride == (2, 2)
    if small or stem.in_channels != input_channels:
        _replace(network, path, _stem(stem, input_channels, halves=halves))
    for path, module in modules[first:second]:
        if halves and isinstance(module, nn.MaxPool2d):
            _replace(network, path, nn.Identity())
    return network


def _stem(conv: Any, input_channels: int, *, halves: bool) -> nn.Conv2d:
    kernel, stride, padding = (3, 1, 1) if halves else (conv.kernel_size, conv.stride, conv.padding)
    has_bias = conv.bias is not None
    return nn.Conv2d(input_channels, conv.out_channels, kernel, stride=stride, padding=padding, bias=has_bias)


def _replace(network: nn.Module, path: str, module: nn.Module) -> None:
    parent, _dot, name = path.rpartition(".")
    setattr(network.get_submodule(parent), name, module)
