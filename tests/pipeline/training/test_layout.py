"""The layout of a network: its layers in the order of the forward pass, and channels-last memory where that works."""

import os
import re
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from models import ARCHITECTURES, Architecture
from pipeline.measure import layer_weights
from pipeline.training.layout import lay_out, layout_of
from tests.support.networks import Buffered, Depthwise, LeNet, Volumes


def layout(factory: type[nn.Module], channels: int = 3):
    return layout_of(Architecture(name="Net", factory=factory, groups={}), channels, 5, "cpu", "fp32")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_registered_networks_are_declared_in_the_order_of_their_forward_pass(name: str) -> None:
    found = layout_of(ARCHITECTURES[name], 1, 10, "cpu", "fp32")
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


class Halved(torch.autograd.Function):
    """Half of the gradient in channels-last memory, as a wrong kernel may give."""

    @staticmethod
    def forward(context, x: Tensor) -> Tensor:
        context.wrong = not x.is_contiguous()
        return x.clone()

    @staticmethod
    def backward(context, gradient: Tensor) -> Tensor:
        return gradient * (0.5 if context.wrong else 1.0)


class WrongInChannelsLast(Depthwise):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(Halved.apply(self[0](x)).repeat(1, 1, 2, 2)[:, :3])


def test_memory_in_which_gradients_are_wrong_is_refused() -> None:
    found = layout(WrongInChannelsLast)
    assert found.memory_format == torch.contiguous_format
    assert re.fullmatch(r"the gradient of 0.weight differs by \d+% from that in float64", found.refusal)


SHORTCUT = """
import torch
from torch import nn
from models import Architecture
from pipeline.training.layout import layout_of

def factory(input_channels, num_classes):
    return nn.Sequential(nn.Conv2d(input_channels, 16, 1, stride=2), nn.Flatten(), nn.Linear(4096, num_classes))

found = layout_of(Architecture(name="Net", factory=factory, groups={}), 3, 10, "cpu", "fp32")
print(found.memory_format, repr(found.refusal))
"""


def test_a_strided_convolution_of_one_pixel_keeps_channels_last_memory_without_avx512() -> None:
    limited = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    done = subprocess.run([sys.executable, "-c", SHORTCUT], env=limited, capture_output=True, text=True, timeout=300)
    assert done.stdout == "torch.channels_last ''\n", done.stderr


def test_the_layout_uses_no_random_numbers() -> None:
    before = torch.get_rng_state()
    assert layout(Buffered).layers == ("conv", "head")
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_of_images_are_laid_out_and_those_of_volumes_are_left() -> None:
    model = lay_out(nn.ModuleList([nn.Conv2d(3, 4, 3), nn.Conv3d(3, 4, 3), nn.Linear(2, 2)]), torch.channels_last)
    assert [weight.is_contiguous() for weight in layer_weights(model).values()] == [False, True, True]
