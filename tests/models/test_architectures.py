"""Every registered architecture returns logits, trains all parameters, and has groups in the order of depth."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torchvision.models import get_weight

from models import ARCHITECTURES, Architecture, register


@pytest.mark.parametrize("classes", [10, 7])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_logits_are_images_by_classes(name: str, channels: int, classes: int) -> None:
    with torch.device("meta"):  # the same shapes, without the arithmetic
        network = ARCHITECTURES[name].build(input_channels=channels, num_classes=classes)
        assert network(torch.empty(2, channels, 32, 32)).shape == (2, classes)


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (64, 96), (224, 224)])
@pytest.mark.parametrize("name", [name for name, known in ARCHITECTURES.items() if known.any_size])
def test_networks_of_any_size_take_small_large_and_oblong_images(name: str, size: tuple[int, int]) -> None:
    with torch.device("meta"):
        network = ARCHITECTURES[name].build(input_channels=3, num_classes=5, image_size=size)
        assert network(torch.empty(2, 3, *size)).shape == (2, 5)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_gradient_reaches_every_parameter(name: str) -> None:
    torch.manual_seed(0)
    # in training mode BatchNorm cancels the bias before it and dropout zeroes units: their gradients are truly zero
    network = ARCHITECTURES[name].build(input_channels=1, num_classes=7).eval()
    logits = network(torch.randn(1, 1, 32, 32))
    assert logits.isfinite().all()
    cross_entropy(logits, torch.tensor([3])).backward()
    without = [key for key, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert without == []


def layers(architecture: Architecture) -> list[str]:
    network = architecture.blueprint()
    return [name.removesuffix(".weight") for name, weight in network.named_parameters() if weight.ndim > 1]


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_every_pattern_of_a_group_matches_a_layer_and_no_layer_is_in_two_groups(architecture: Architecture) -> None:
    found = layers(architecture)
    matches = {}
    for group, patterns in architecture.groups.items():
        for pattern in patterns:
            one = Architecture(name="one", factory=nn.Identity, groups={group: (pattern,)}, imagenet=None)
            matches[pattern] = [layer for layer in found if one.group_of(layer)]
    assert all(matches.values()), matches
    matched = [layer for found in matches.values() for layer in found]
    assert len(matched) == len(set(matched))


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_groups_are_in_the_order_of_depth(architecture: Architecture) -> None:
    groups = [group for group in map(architecture.group_of, layers(architecture)) if group]
    assert list(dict.fromkeys(groups)) == list(architecture.groups)
    assert groups == sorted(groups, key=list(architecture.groups).index)


@pytest.mark.parametrize("weights", [known.imagenet for known in ARCHITECTURES.values() if known.imagenet])
def test_imagenet_weights_are_known_to_torchvision(weights: str) -> None:
    assert get_weight(weights).url.endswith(".pth")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_registered_name_is_refused_a_second_time(name: str) -> None:
    before = ARCHITECTURES[name]
    with pytest.raises(ValueError, match=f"{name} is registered twice"):
        register(name, groups={})(nn.Identity)
    assert ARCHITECTURES[name] is before


def test_registering_returns_the_factory_and_stores_its_groups() -> None:
    def factory(*, input_channels: int, num_classes: int) -> nn.Module:
        return nn.Linear(input_channels, num_classes)

    try:
        assert register("New", groups={"all": ["a", "b.*"]})(factory) is factory
        new = ARCHITECTURES["New"]
        assert (new.name, new.groups, new.imagenet) == ("New", {"all": ("a", "b.*")}, None)
        assert new.build(input_channels=2, num_classes=5).weight.shape == (5, 2)
        assert [new.group_of(layer) for layer in ("a", "b.0.conv", "c", "ab")] == ["all", "all", "", ""]
    finally:
        ARCHITECTURES.pop("New", None)
