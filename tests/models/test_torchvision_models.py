"""Torchvision's models for 32 x 32 images: those that fit, and how their stems are adapted."""

import re

import pytest
import torch
from torch import nn

from models import ARCHITECTURES, find
from models.torchvision_models import torchvision_models

DO_NOT_FIT = {
    "alexnet": "Output size is too small",
    "inception_v3": "Kernel size can't be greater than actual input size",
    "maxvit_t": "is invalid for input of size",
    "vit_h_14": "Input shape indivisible by patch size",
}
# RegNets of all sizes have one structure and cannot be built on the meta device; only the smallest are tried
REGNETS = [name for name in torchvision_models() if name.startswith("regnet")]
TRIED = [name for name in torchvision_models() if name not in REGNETS or name.endswith("_400mf")]
FITTING = [name for name in TRIED if name not in DO_NOT_FIT]
# the models of a family, like vgg11 and vgg19_bn, differ in size and not in their stem
FAMILIES = {re.split(r"[\d_]", name)[0]: name for name in FITTING}


def build(name: str, channels: int) -> nn.Module:
    with torch.device("cpu" if name in REGNETS else "meta"):  # on meta: shapes without the arithmetic
        return find(f"torchvision:{name}").build(input_channels=channels, num_classes=7).train()


def logits(name: str, channels: int) -> torch.Tensor:
    network = build(name, channels)
    device = next(network.parameters()).device
    return network(torch.zeros(2, channels, 32, 32, device=device))


@pytest.mark.parametrize(
    ("name", "channels"), [*((name, 1) for name in FITTING), *((name, 3) for name in FAMILIES.values())]
)
def test_model_returns_logits_for_32_x_32_images(name: str, channels: int) -> None:
    assert logits(name, channels).shape == (2, 7)


@pytest.mark.parametrize(("name", "reason"), DO_NOT_FIT.items(), ids=DO_NOT_FIT)
def test_model_that_does_not_fit_raises(name: str, reason: str) -> None:
    with pytest.raises((RuntimeError, AssertionError), match=reason):
        logits(name, 3)


def test_torchvision_s_resnet18_has_the_shapes_and_resolutions_of_ours() -> None:
    """The same weights in the same order, and no downsampling before the second stage."""
    with torch.device("meta"):
        ours = ARCHITECTURES["ResNet18"].build(input_channels=3, num_classes=7)
    theirs = build("resnet18", 3)
    assert [tuple(weight.shape) for weight in theirs.parameters()] == [tuple(w.shape) for w in ours.parameters()]
    sizes = {}
    for name, module in theirs.named_modules():
        module.register_forward_hook(lambda _m, _i, output, name=name: sizes.update({name: output.shape[-1]}))
    theirs(torch.zeros(1, 3, 32, 32, device="meta"))
    assert [sizes[name] for name in ("conv1", "maxpool", "layer1", "layer2", "layer4")] == [32, 32, 32, 16, 4]


def test_stems_that_cut_patches_change_only_their_channels() -> None:
    stem = build("swin_t", 1).features[0][0]
    assert (stem.in_channels, stem.kernel_size, stem.stride) == (1, (4, 4), (4, 4))


def test_imagenet_weights_are_torchvision_s_default() -> None:
    assert find("torchvision:resnet50").imagenet == "ResNet50_Weights.IMAGENET1K_V2"
