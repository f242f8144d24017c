"""Every registered architecture: what it returns, that all of it learns, and that its groups cover layers in order."""

from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchvision.models import get_weight

from models import ARCHITECTURES, Architecture, register

CASES = tuple(product(ARCHITECTURES, (1, 3), (10, 7)))


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}-{case[2]}")
def case(request: pytest.FixtureRequest) -> tuple[nn.Module, int, int]:
    """A network of each architecture, its number of channels and of classes."""
    name, channels, classes = request.param
    torch.manual_seed(0)
    return ARCHITECTURES[name].build(input_channels=channels, num_classes=classes), channels, classes


def images(count: int, channels: int) -> Tensor:
    return torch.randn(count, channels, 32, 32, generator=torch.Generator().manual_seed(0))


def layers(architecture: Architecture) -> list[str]:
    with torch.device("meta"):
        network = architecture.build(input_channels=3, num_classes=10)
    return [name.removesuffix(".weight") for name, weight in network.named_parameters() if weight.ndim > 1]


def test_logits_have_one_row_an_image_and_one_column_a_class(case: tuple[nn.Module, int, int]) -> None:
    network, channels, classes = case
    with torch.no_grad():
        assert network.train()(images(2, channels)).shape == (2, classes)


def test_a_gradient_reaches_every_parameter(case: tuple[nn.Module, int, int]) -> None:
    network, channels, _classes = case
    # in training mode BatchNorm takes away the bias before it, and dropout some units: their gradients are truly zero
    cross_entropy(network.eval()(images(4, channels)), torch.arange(4)).backward()
    without = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    network.zero_grad()
    assert without == []


def test_an_image_does_not_change_what_another_gets_in_evaluation(case: tuple[nn.Module, int, int]) -> None:
    network, channels, _classes = case
    batch = images(2, channels)
    with torch.no_grad():
        together, alone = network.eval()(batch), network(batch[:1])
    torch.testing.assert_close(together[:1], alone, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_every_pattern_of_a_group_matches_a_layer_and_no_layer_is_in_two_groups(architecture: Architecture) -> None:
    found = layers(architecture)
    matches = {}
    for group, patterns in architecture.groups.items():
        for pattern in patterns:
            one = Architecture(name="one", factory=nn.Identity, groups={group: (pattern,)}, imagenet=None)
            matches[pattern] = [layer for layer in found if one.group_of(layer)]
    assert all(matches.values()), matches
    claimed = [layer for claim in matches.values() for layer in claim]
    assert len(claimed) == len(set(claimed))


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_groups_follow_each_other_in_depth(architecture: Architecture) -> None:
    groups = [group for group in map(architecture.group_of, layers(architecture)) if group]
    assert list(dict.fromkeys(groups)) == list(architecture.groups)
    assert groups == sorted(groups, key=list(architecture.groups).index)


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_imagenet_weights_are_known_to_torchvision(architecture: Architecture) -> None:
    if architecture.imagenet is None:
        assert architecture.name in ("AlexNet", "Xception")
    else:
        assert get_weight(architecture.imagenet).url.endswith(".pth")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_name_is_registered_once(name: str) -> None:
    before = ARCHITECTURES[name]
    with pytest.raises(ValueError, match=f"{name} is registered twice"):
        register(name, groups={})(nn.Identity)
    assert ARCHITECTURES[name] is before


def test_registering_keeps_the_factory_and_what_is_said_of_it() -> None:
    def factory(*, input_channels: int, num_classes: int) -> nn.Module:
        return nn.Linear(input_channels, num_classes)

    try:
        assert register("Own", groups={"all": ["a", "b.*"]})(factory) is factory
        own = ARCHITECTURES["Own"]
        assert (own.name, own.groups, own.imagenet) == ("Own", {"all": ("a", "b.*")}, None)
        assert own.build(input_channels=2, num_classes=5).weight.shape == (5, 2)
        assert [own.group_of(layer) for layer in ("a", "b.0.conv", "c", "ab")] == ["all", "all", "", ""]
    finally:
        ARCHITECTURES.pop("Own", None)
