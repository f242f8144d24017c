"""Fixtures for the tests of architectures: number of parameters, and layers of each group."""

from collections.abc import Callable

import pytest
import torch

from models import ARCHITECTURES


@pytest.fixture
def parameters_of() -> Callable[[str], int]:
    """Return a counter of an architecture's parameters, with 3 channels and 10 classes."""

    def count(name: str) -> int:
        with torch.device("meta"):
            network = ARCHITECTURES[name].build(input_channels=3, num_classes=10)
        return sum(weight.numel() for weight in network.parameters())

    return count


@pytest.fixture
def grouped() -> Callable[[str], dict[str, list[str]]]:
    """Return a function from an architecture's name to {group: layers}; layers without a group are under ""."""

    def layers_by_group(name: str) -> dict[str, list[str]]:
        architecture = ARCHITECTURES[name]
        with torch.device("meta"):
            network = architecture.build(input_channels=3, num_classes=10)
        groups: dict[str, list[str]] = {}
        for weight_name, weight in network.named_parameters():
            if weight.ndim > 1:
                layer = weight_name.removesuffix(".weight")
                groups.setdefault(architecture.group_of(layer), []).append(layer)
        return groups

    return layers_by_group
