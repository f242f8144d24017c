"""Torchvision's models: those that fit 32 x 32 images, how their stems are adapted, and how they are at 224."""

import re

import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.models import get_model, list_models

from models import ARCHITECTURES, find
from models.names import torchvision_models
from models.torchvision_models import ARGUMENTS

DO_NOT_FIT = {
    "alexnet": "Output size is too small",
    "inception_v3": "Kernel size can't be greater than actual input size",
    "maxvit_t": "is not divisible by partition size",
    "vit_h_14": "Input shape indivisible by patch size",
}
# RegNets of all sizes have one structure and cannot be built on the meta device; only the smallest are tried
REGNETS = [name for name in torchvision_models() if name.startswith("regnet")]
TRIED = [name for name in torchvision_models() if name not in REGNETS or name.endswith("_400mf")]
FITTING = [name for name in TRIED if name not in DO_NOT_FIT]
# the models of a family, like vgg11 and vgg19_bn, differ in size and not in their stem
FAMILIES = {re.split(r"[\d_]", name)[0]: name for name in FITTING}


def test_names_that_are_read_from_files_are_those_that_torchvision_registers() -> None:
    assert torchvision_models() == sorted(list_models(module=models))


def build(name: str, channels: int, size: int = 32) -> nn.Module:
    with torch.device("cpu" if name in REGNETS else "meta"):  # on meta: shapes without the arithmetic
        architecture = find(f"torchvision:{name}")
        return architecture.build(input_channels=channels, num_classes=7, image_size=(size, size)).train()


def logits(name: str, channels: int, size: int = 32) -> torch.Tensor:
    network = build(name, channels, size)
    device = next(network.parameters()).device
    return network(torch.zeros(2, channels, size, size, device=device))


@pytest.mark.parametrize(
    ("name", "channels"), [*((name, 1) for name in FITTING), *((name, 3) for name in FAMILIES.values())]
)
def test_model_returns_logits_for_32_x_32_images(name: str, channels: int) -> None:
    assert logits(name, channels).shape == (2, 7)


@pytest.mark.parametrize(("name", "reason"), DO_NOT_FIT.items(), ids=DO_NOT_FIT)
def test_model_that_does_not_fit_raises(name: str, reason: str) -> None:
    with pytest.raises((RuntimeError, AssertionError, ValueError), match=reason):
        logits(name, 3)


@pytest.mark.parametrize("name", DO_NOT_FIT)
def test_model_that_does_not_fit_32_x_32_returns_logits_for_larger_images(name: str) -> None:
    assert logits(name, 1, 224).shape == (2, 7)


@pytest.mark.parametrize(
    ("name", "size"),
    [("alexnet", 64), ("inception_v3", 300), ("maxvit_t", 224), ("mobilenet_v3_small", 64), ("resnet18", 64),
     ("swin_t", 224), ("vgg11_bn", 224), ("vit_b_32", 224)],
)  # fmt: skip
@pytest.mark.parametrize("channels", [1, 3])
def test_all_weights_of_imagenet_fit_large_images_but_those_of_other_channels_and_classes(
    name: str, size: int, channels: int
) -> None:
    with torch.device("meta"):
        expected = get_model(name, **ARGUMENTS.get(name, {})).state_dict()
    ours = build(name, channels, size).state_dict()
    other = [key for key, weight in ours.items() if key not in expected or weight.shape != expected[key].shape]
    layers = list(dict.fromkeys(key.rpartition(".")[0] for key in other))
    stem, *_rest, head = (key.removesuffix(".weight") for key in ours if ours[key].ndim in (2, 4))
    assert layers == ([head] if channels == 3 else [stem, head])


@pytest.mark.parametrize(("size", "stem"), [(62, ((3, 3), (1, 1))), (64, ((7, 7), (2, 2)))])
def test_stems_are_adapted_below_64_x_64(size: int, stem: tuple[tuple[int, int], tuple[int, int]]) -> None:
    network = build("resnet18", 3, size)
    assert (network.conv1.kernel_size, network.conv1.stride) == stem
    assert isinstance(network.maxpool, nn.Identity) == (size < 64)


def test_a_vision_transformer_has_positions_for_the_size_of_the_images() -> None:
    assert build("vit_b_16", 3, 64).encoder.pos_embedding.shape == (1, 1 + 4 * 4, 768)


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
