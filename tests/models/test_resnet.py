"""ResNet18 against the paper: its size, and block 1 to 4 = the four stages; stem and linear layer have no group."""

from collections.abc import Callable

import torch

from models import ARCHITECTURES


def test_number_of_parameters_is_the_paper_s(parameters_of: Callable[[str], int]) -> None:
    assert parameters_of("ResNet18") == 11_173_962


def test_imagenet_weights_are_named() -> None:
    assert ARCHITECTURES["ResNet18"].imagenet == "ResNet18_Weights.IMAGENET1K_V1"


def test_groups_are_those_of_the_paper_s_figures(grouped: Callable[[str], dict[str, list[str]]]) -> None:
    groups = grouped("ResNet18")
    assert groups.pop("") == ["conv1", "fc"]
    convs = [f"{block}.conv{conv}" for block in (0, 1) for conv in (1, 2)]
    shortcut = [*convs[:2], "0.downsample.0", *convs[2:]]
    assert groups == {
        "block1": [f"layer1.{name}" for name in convs],
        "block2": [f"layer2.{name}" for name in shortcut],
        "block3": [f"layer3.{name}" for name in shortcut],
        "block4": [f"layer4.{name}" for name in shortcut],
    }


def test_a_block_with_zero_weights_returns_its_input() -> None:
    torch.manual_seed(0)
    block = ARCHITECTURES["ResNet18"].build(input_channels=3, num_classes=10).layer1[0].eval()
    torch.nn.init.zeros_(block.conv2.weight)
    x = torch.randn(1, 64, 4, 4)
    assert torch.equal(block(x.clone()), x.relu())


def test_three_stages_halve_the_image() -> None:
    with torch.device("meta"):
        network = ARCHITECTURES["ResNet18"].build(input_channels=3, num_classes=10)
        x, shapes = network.conv1(torch.empty(1, 3, 32, 32)), []
    for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
        x = stage(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4)]
