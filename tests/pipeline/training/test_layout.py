"""The layout of a network: its layers in the order of the forward pass, and channels-last memory where that works."""

import pytest
import torch
from torch import Tensor, nn

from models import ARCHITECTURES, Architecture
from pipeline.measure import layer_weights
from pipeline.training.layout import lay_out, layout_of
from tests.support.networks import Buffered, Depthwise, LeNet, Volumes


def layout(factory: type[nn.Module], channels: int = 3):
    return layout_of(Architecture(name="Net", factory=factory, groups={}), channels, 5)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_registered_networks_are_declared_in_the_order_of_their_forward_pass(name: str) -> None:
    found = layout_of(ARCHITECTURES[name], 1, 10)
    assert found.memory_format == torch.channels_last
    assert list(found.layers) == list(layer_weights(ARCHITECTURES[name].blueprint()))


class LastOnly(LeNet):
    """It views images whose channels come last."""

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.adaptive_avg_pool2d(self.conv2(self.conv1(x)), 5).permute(0, 2, 3, 1)
        return self.fc2(self.fc1(x.view(len(x), -1)))


@pytest.mark.parametrize("channels", [1, 3])
def test_networks_get_the_memory_that_works(channels: int) -> None:
    for factory in (Depthwise, LastOnly, Volumes):
        assert (layout(factory, channels).memory_format, layout(factory, channels).refusal) == (torch.channels_last, "")
    found = layout(LeNet, channels)
    assert found.memory_format == torch.contiguous_format
    assert "view size is not compatible" in found.refusal


def test_a_network_that_works_in_no_memory_raises_what_it_raises() -> None:
    with pytest.raises(ValueError, match="not today"):
        layout(Refusing)


class Refusing(nn.Module):
    def __init__(self, **_sizes: int) -> None:
        raise ValueError("not today")


def test_the_layout_uses_no_random_numbers() -> None:
    before = torch.get_rng_state()
    assert layout(Buffered).layers == ("conv", "head")
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_of_images_are_laid_out_and_those_of_volumes_are_left() -> None:
    model = lay_out(nn.ModuleList([nn.Conv2d(3, 4, 3), nn.Conv3d(3, 4, 3), nn.Linear(2, 2)]), torch.channels_last)
    assert [weight.is_contiguous() for weight in layer_weights(model).values()] == [False, True, True]
