"""ImageNet weights: the tensors that are copied, and the errors if weights are missing or damaged."""

from collections.abc import Mapping
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import get_weight, resnet18, vgg19_bn

from models import ARCHITECTURES, Architecture
from models.pretrained import WeightsError, copy_equal, imagenet_weights

WITH = [name for name, architecture in ARCHITECTURES.items() if architecture.imagenet]


def vgg19_weights() -> Mapping[str, Tensor]:
    """Return torchvision's names and shapes; the large linear layers, which are never copied, stay empty."""
    with torch.device("meta"):
        shapes = vgg19_bn(weights=None).state_dict()
    return {
        name: torch.rand(shape.shape).to(shape.dtype) if name.startswith("features.") else shape
        for name, shape in shapes.items()
    }


def resnet18_weights() -> Mapping[str, Tensor]:
    torch.manual_seed(1)
    return resnet18(weights=None).state_dict()


def built(name: str, channels: int = 3, classes: int = 10) -> nn.Module:
    torch.manual_seed(2)
    return ARCHITECTURES[name].build(input_channels=channels, num_classes=classes)


@pytest.mark.parametrize(
    ("name", "weights", "channels", "classes", "staying"),
    [
        ("ResNet18", resnet18_weights, 3, 10, ["conv1.weight", "fc.weight", "fc.bias"]),
        ("ResNet18", resnet18_weights, 1, 1000, ["conv1.weight"]),
        ("VGG19", vgg19_weights, 3, 10, ["classifier.weight", "classifier.bias"]),
        ("VGG19", vgg19_weights, 1, 10, ["features.0.weight", "classifier.weight", "classifier.bias"]),
    ],
    ids=["ResNet18", "ResNet18-grey-1000", "VGG19", "VGG19-grey"],
)
def test_equal_tensors_are_copied_bit_by_bit_and_the_other_names_returned(
    name: str, weights: object, channels: int, classes: int, staying: list[str]
) -> None:
    theirs = weights()  # type: ignore[operator]
    network = built(name, channels, classes)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    assert copy_equal(network, theirs) == staying
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key] if key in staying else theirs[key]), key


def test_changing_the_network_does_not_change_the_source() -> None:
    theirs = resnet18_weights()
    network = built("ResNet18")
    copy_equal(network, theirs)
    with torch.no_grad():
        network.layer1[0].conv1.weight.zero_()
    assert theirs["layer1.0.conv1.weight"].any()


def test_an_architecture_without_weights_raises_with_a_remedy() -> None:
    with pytest.raises(WeightsError, match=r"Net has no ImageNet weights.*pretrained to false"):
        imagenet_weights(Architecture(name="Net", factory=nn.Identity, groups={}))


@pytest.mark.parametrize("name", WITH)
def test_without_internet_one_line_names_the_remedy(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_args: object, **_options: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", unreachable)
    with pytest.raises(WeightsError, match=r"no route to host.*set pretrained to false") as failure:
        imagenet_weights(ARCHITECTURES[name])
    assert str(failure.value).startswith(ARCHITECTURES[name].imagenet)
    assert "\n" not in str(failure.value)


def test_weights_in_torch_s_cache_are_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = cache(tmp_path, monkeypatch)
    torch.save({"fc.bias": torch.tensor([1.5, -2.0])}, cached)
    assert imagenet_weights(ARCHITECTURES["ResNet18"])["fc.bias"].tolist() == [1.5, -2.0]


@pytest.mark.parametrize("content", [b"", b"not weights", b"PK\x03\x04 half a zip"])
def test_damaged_weights_in_torch_s_cache_raise_one_line(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache(tmp_path, monkeypatch).write_bytes(content)
    with pytest.raises(WeightsError, match="ResNet18_Weights") as failure:
        imagenet_weights(ARCHITECTURES["ResNet18"])
    assert "\n" not in str(failure.value)


def cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file in torch's cache, moved to a folder, where ResNet18's weights are expected."""
    monkeypatch.setenv("TORCH_HOME", str(folder))
    checkpoints = folder / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    return checkpoints / get_weight(ARCHITECTURES["ResNet18"].imagenet).url.rsplit("/", 1)[-1]
