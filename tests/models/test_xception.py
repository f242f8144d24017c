"""Xception against its source (arXiv 1610.02357): its size, its three flows, and the strides kept for 32 x 32."""

from collections.abc import Callable

import torch

from models import ARCHITECTURES


def test_number_of_parameters_is_the_derived_one(parameters_of: Callable[[str], int]) -> None:
    assert parameters_of("Xception") == 20_827_442


def test_groups_are_the_three_flows(grouped: Callable[[str], dict[str, list[str]]]) -> None:
    groups = grouped("Xception")
    # entry: 2 convs, 3 blocks of 2 separable convs (2 weights each) and a link; exit: one such block, 2 separable convs
    assert {group: len(layers) for group, layers in groups.items()} == {
        "entry": 2 + 3 * (2 * 2 + 1),
        "middle": 8 * 3 * 2,
        "exit": 2 * 2 + 1 + 2 * 2,
        "": 1,
    }
    assert groups[""] == ["fc"]
    assert all(layer.startswith(f"{group}.") for group, layers in groups.items() if group for layer in layers)


def test_entry_and_exit_flow_reduce_the_image_to_8_and_4() -> None:
    with torch.device("meta"):
        network = ARCHITECTURES["Xception"].build(input_channels=3, num_classes=10)
        entry = network.entry(torch.empty(1, 3, 32, 32))
    middle = network.middle(entry)
    assert entry.shape == middle.shape == (1, 728, 8, 8)
    assert network.exit(middle).shape == (1, 2048, 4, 4)


def test_a_middle_block_with_zero_weights_returns_its_input() -> None:
    torch.manual_seed(0)
    block = ARCHITECTURES["Xception"].build(input_channels=1, num_classes=2).middle[0].eval()
    torch.nn.init.zeros_(block.body[-1].pointwise.weight)
    x = torch.randn(1, 728, 2, 2)
    assert torch.equal(block(x), x)
