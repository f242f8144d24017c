"""Torchvision's classification models, named `torchvision:<name>`, adapted to 32 x 32 images."""

from functools import cache, partial
from typing import Any

from torch import nn
from torchvision import models
from torchvision.models import get_model, get_model_weights, list_models

from models.architectures import Architecture
from models.names import TORCHVISION_PREFIX

# arguments that some families need for small images, or to return logits alone
ARGUMENTS: dict[str, dict[str, Any]] = {
    "vit": {"image_size": 32},
    "googlenet": {"aux_logits": False, "init_weights": False},
    "inception_v3": {"aux_logits": False, "init_weights": False},
}


def torchvision_models() -> list[str]:
    """Return the names of all classification models of torchvision."""
    return list(list_models(module=models))


@cache
def torchvision_architecture(name: str) -> Architecture:
    """Return the architecture of one of `torchvision_models`, without groups."""
    weights = get_model_weights(name).DEFAULT
    return Architecture(
        name=f"{TORCHVISION_PREFIX}{name}", factory=partial(build_adapted, name), groups={}, imagenet=str(weights)
    )


def build_adapted(name: str, *, input_channels: int, num_classes: int) -> nn.Module:
    """Return a new network of one of `torchvision_models`; not every one of them fits 32 x 32 images.

    As usual for CIFAR, the images keep their size up to the second convolution: if the first has stride 2, it becomes
    3 x 3 with stride 1, and max-pooling before the second is removed. Other stems (patches with stride 4) keep their
    size. The new first convolution has PyTorch's default initialisation.
    """
    family = name if name in ARGUMENTS else name.partition("_")[0]
    network: nn.Module = get_model(name, weights=None, num_classes=num_classes, **ARGUMENTS.get(family, {}))
    modules = list(network.named_modules())
    convolutions = [index for index, (_path, module) in enumerate(modules) if isinstance(module, nn.Conv2d)]
    first, second = [*convolutions, len(modules)][:2]
    path, stem = modules[first]
    halves = stem.stride == (2, 2)
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
