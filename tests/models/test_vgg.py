"""VGG19 against the paper: size and initialisation, and early = conv 1-4, middle = conv 5-11, later = conv 12-16."""

from collections.abc import Callable
from math import sqrt

import pytest
import torch
from torch import nn

from models import ARCHITECTURES

# outputs of configuration E's convolutions, arXiv 1409.1556, table 1
FAN_OUTS = [9 * width for width in (64, 64, 128, 128, 256, 256, 256, 256, *[512] * 8)]


def test_number_of_parameters_is_the_paper_s(parameters_of: Callable[[str], int]) -> None:
    assert parameters_of("VGG19") == 20_040_522


def test_imagenet_weights_are_named() -> None:
    assert ARCHITECTURES["VGG19"].imagenet == "VGG19_BN_Weights.IMAGENET1K_V1"


def test_groups_are_those_of_the_paper_s_figures(grouped: Callable[[str], dict[str, list[str]]]) -> None:
    with torch.device("meta"):
        network = ARCHITECTURES["VGG19"].build(input_channels=3, num_classes=10)
    convs = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)]
    assert len(convs) == 16
    assert grouped("VGG19") == {
        "early": convs[0:4],
        "middle": convs[4:11],
        "later": convs[11:16],
        "": ["classifier"],
    }


def test_convolutions_have_he_fan_out_initialisation_and_the_linear_layer_0_01() -> None:
    torch.manual_seed(0)
    network = ARCHITECTURES["VGG19"].build(input_channels=3, num_classes=10)
    convs = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    for conv, fan_out in zip(convs, FAN_OUTS, strict=True):
        assert conv.weight.std().item() == pytest.approx(sqrt(2 / fan_out), rel=0.05)
        assert not conv.bias.any()
    assert network.classifier.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert not network.classifier.bias.any()


def test_every_convolution_is_followed_by_batchnorm_and_relu() -> None:
    with torch.device("meta"):
        features = list(ARCHITECTURES["VGG19"].build(input_channels=3, num_classes=10).features)
    followers = [features[i + 1 : i + 3] for i, module in enumerate(features) if isinstance(module, nn.Conv2d)]
    assert [[type(module) for module in pair] for pair in followers] == [[nn.BatchNorm2d, nn.ReLU]] * 16
    assert sum(isinstance(module, nn.MaxPool2d) for module in features) == 5
