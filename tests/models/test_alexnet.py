"""AlexNet against the paper: its size, and early = conv 1, middle = conv 2 and 3, later = conv 4 and 5."""

from collections.abc import Callable

import torch

from models import ARCHITECTURES


def test_number_of_parameters_is_the_paper_s(parameters_of: Callable[[str], int]) -> None:
    assert parameters_of("AlexNet") == 10_655_562


def test_groups_are_those_of_the_paper_s_figures(grouped: Callable[[str], dict[str, list[str]]]) -> None:
    groups = grouped("AlexNet")
    outside = groups.pop("")
    convs = [layer for layers in groups.values() for layer in layers]
    assert convs == ["features.0", "features.3", "features.6", "features.8", "features.10"]
    assert groups == {"early": convs[:1], "middle": convs[1:3], "later": convs[3:]}
    assert outside == ["classifier.1", "classifier.4", "classifier.6"]


def test_dropout_acts_in_training_mode_only() -> None:
    torch.manual_seed(0)
    network = ARCHITECTURES["AlexNet"].build(input_channels=1, num_classes=2)
    image = torch.randn(1, 1, 32, 32)
    with torch.no_grad():
        assert not torch.equal(network(image), network(image))
        network.eval()
        assert torch.equal(network(image), network(image))
