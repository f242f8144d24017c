"""The smoke test lets through what can be trained, refuses the rest with its reason, and uses up no random numbers."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from data.npz import npz_dataset
from data.prepared import Prepared, prepare
from models import ModelError, custom
from models.architectures import Architecture
from pipeline.config.resolve import load_config
from pipeline.config.settings import Config
from pipeline.training.smoke_test import run_smoke_test
from tests.support import networks

Try = Callable[..., None]


def network(forward: Callable[[nn.Module, Tensor], object], *parts: nn.Module) -> Callable[..., nn.Module]:
    """Return a factory of a network of these parts."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ModuleList(parts)

        def forward(self, images: Tensor) -> object:
            return forward(self, images)

    return lambda input_channels, num_classes: Net()  # noqa: ARG005


@pytest.fixture
def attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Try:
    """Return the smoke test of a factory on a data set of five classes, with the groups and layers that are given."""
    threads = torch.get_num_threads()

    def make(
        factory: Callable[..., nn.Module],
        groups: dict[str, tuple[str, ...]] | None = None,
        layers: tuple[str, ...] | None = None,
        *,
        channels: int = 1,
        images: int = 32,
        **given: object,
    ) -> None:
        made = Architecture(name="Net", factory=factory, groups=groups or {}, layers=layers)
        monkeypatch.setattr(Config, "architecture", made)
        settings = {"dataset": str(tmp_path / "few.npz"), "device": "cpu", "precision": "fp32", "batch_size": "16"}
        config = load_config(settings | {"threads": str(threads)} | given)
        run_smoke_test(config, few(tmp_path, channels, images))

    yield make
    torch.set_num_threads(threads)


def few(folder: Path, channels: int, images: int) -> Prepared:
    draws, arrays = np.random.default_rng(0), {}
    for part, count in (("train", images), ("test", 6)):
        arrays[f"x_{part}"] = draws.integers(0, 256, (count, 32, 32, channels), dtype=np.uint8)
        arrays[f"y_{part}"] = (np.arange(count) % 5).astype(np.uint8)
    np.savez(folder / "few.npz", **arrays)
    return prepare(npz_dataset(folder / "few.npz"), folder)


LINEAR = nn.Linear(1024, 5)


def flat(net: nn.Module, images: Tensor) -> Tensor:
    logits: Tensor = net.parts[-1](images.flatten(1))
    return logits


def test_a_network_that_fits_leaves_the_random_generator_unchanged(attempt: Try) -> None:
    before = torch.get_rng_state()
    attempt(network(flat, LINEAR))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("channels", "precision"), [(1, "fp32"), (3, "bf16")])
@pytest.mark.parametrize("factory", networks.NETWORKS)
def test_networks_of_public_kinds_can_be_trained(
    attempt: Try, factory: type[nn.Module], channels: int, precision: str, caplog: pytest.LogCaptureFixture
) -> None:
    attempt(factory, channels=channels, precision=precision)
    warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
    view = "view size is not compatible"
    assert all(view in message for message in warned), warned
    assert bool(warned) == (factory is networks.LeNet)


def mixed(net: nn.Module, images: Tensor) -> Tensor:
    features = net.parts[0](images.flatten(1))
    out = torch.zeros(len(images), 5)
    out[torch.arange(len(images))] = features
    return out


def added(net: nn.Module, images: Tensor) -> Tensor:
    features = net.parts[0](images.flatten(1))
    return torch.zeros(len(images), 5).index_add(0, torch.arange(len(images)), features)


@pytest.mark.parametrize("forward", [mixed, added])
def test_types_that_autocast_mixes_are_refused_with_the_line_and_the_precision_that_works(
    attempt: Try, forward: Callable[[nn.Module, Tensor], Tensor]
) -> None:
    attempt(network(forward, nn.Linear(1024, 5)))
    with pytest.raises(ModelError, match=r"cannot take .*, line \d+: .*; with precision=fp32 it works"):
        attempt(network(forward, nn.Linear(1024, 5)), precision="bf16")


class Stateful(nn.Module):
    """An evaluation sets a buffer, which the next training step uses."""

    def __init__(self, **_sizes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(1024, 5)
        self.register_buffer("scale", torch.ones(1))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(images.flatten(1)) * self.scale
        if not self.training:
            self.scale = logits.std().reshape(1)
        return logits


def test_what_fails_in_the_second_epoch_is_refused(attempt: Try) -> None:
    with pytest.raises(ModelError, match=r"cannot be trained in fp32 \(RuntimeError: Inference tensors"):
        attempt(Stateful)


class Grows(nn.Module):
    """A second build has other parameters."""

    built = 0

    def __init__(self, **_sizes: int) -> None:
        super().__init__()
        Grows.built += 1
        self.hidden = nn.Linear(1024, 8 + Grows.built)
        self.fc = nn.Linear(8 + Grows.built, 5)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.hidden(images.flatten(1)))
        return logits


def test_a_network_that_no_checkpoint_fits_is_refused(attempt: Try) -> None:
    with pytest.raises(ModelError, match="cannot be resumed from a checkpoint"):
        attempt(Grows)


def test_what_cannot_be_exported_is_reported_in_one_line_and_trained(
    attempt: Try, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    attempt(network(lambda net, images: torch.stack([flat(net, image[None])[0] for image in images]), LINEAR))
    (record,) = [each for each in caplog.records if each.levelname == "WARNING"]
    assert "\n" not in record.getMessage()
    assert capfd.readouterr().err.count("\n") <= 1
    attempt(network(lambda net, images: flat(net, images if images.sum() < 1e9 else -images), LINEAR))
    assert "Net will be trained, but not logged as a model: torch.export fails" in caplog.text


class Made(nn.Module):
    def __init__(self, **_sizes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(1024, 5)

    def forward(self, images: Tensor) -> Tensor:
        if not hasattr(self, "w"):
            self.w = nn.Parameter(torch.ones(5))
        logits: Tensor = self.fc(images.flatten(1)) * self.w
        return logits


def late(net: nn.Module, images: Tensor) -> object:
    return flat(net, images) if net.training else (flat(net, images), None)


@pytest.mark.parametrize(
    ("factory", "remedy"),
    [
        (network(lambda net, images: net.parts[0](images), LINEAR), "cannot take batches of 2 x 1 x 32 x 32"),
        (network(lambda net, images: net.parts[0](images), LINEAR), "in parts.0 (Linear)"),
        (network(flat, nn.Linear(1024, 4)), "for 2 images in training it returned (2, 4), not (2, 5)"),
        (network(late, LINEAR), "for 2 images in evaluation it returned tuple"),
        (network(lambda _net, images: images.flatten(1)[:, :5]), "no layer to measure"),
        (network(lambda net, images: flat(net, images).detach(), LINEAR), "no parameter has a gradient"),
        (network(lambda net, images: (flat(net, images),), LINEAR), "for 2 images in training it returned tuple"),
        (network(lambda net, images: flat(net, images).exp().add_(1).sqrt_(), LINEAR), "by an inplace operation"),
        (network(lambda *_given: sys.exit(0), LINEAR), "SystemExit"),
        (lambda **_sizes: None, "it is NoneType, not a torch.nn.Module"),
        (Made, "w is created in forward, too late for the optimizer: create it in __init__"),
        (network(lambda net, images: flat(net, images) / 0 * 0, LINEAR), "the loss is nan in epoch 1, step 1"),
    ],
)
def test_a_network_that_does_not_fit_is_refused_with_the_reason(
    attempt: Try, factory: Callable[..., nn.Module], remedy: str
) -> None:
    with pytest.raises(ModelError) as error:
        attempt(factory)
    assert remedy in str(error.value)
    assert "\n" not in str(error.value)


class Two(nn.Module):
    def __init__(self, layer: str = "fc") -> None:
        super().__init__()
        self.parts = nn.ModuleDict({layer: nn.Linear(1024, 5)})
        self.scale = nn.Parameter(torch.ones(1, 5))
        self.layer = layer

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.parts[self.layer](images.flatten(1))
        return logits * self.scale


class Lazy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.LazyLinear(5)


class Codes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 5)
        self.fc.weight = nn.Parameter(torch.ones(5, 5, dtype=torch.uint8), requires_grad=False)


class Scales(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(5, 5))


@pytest.mark.parametrize(
    ("made", "groups", "layers", "remedy"),
    [
        (lambda: Two("a+b"), {}, None, "'parts.a+b' may have letters"),
        (Two, {"early+x": ("parts.fc",)}, None, "'early+x' may have letters"),
        (
            Two,
            {"early": ("part.fc",)},
            None,
            "'part.fc' in the group 'early' matches no layer (did you mean parts.fc?)",
        ),
        (Two, {"early": ("zzz",)}, None, "matches no layer; the layers are parts.fc"),
        (Two, {"early": ("scale",)}, None, "measured only if `layers` names it"),
        (Two, {}, ("conv*",), "layers: 'conv*' matches no parameter of two or more dimensions: scale, parts.fc"),
        (Lazy, {}, None, "fc.weight has no size before the first batch"),
        (Scales, {}, None, "name some of scale in `layers`"),
        (Codes, {}, None, "fc cannot be measured (torch.uint8): name the others in `layers`"),
    ],
)
def test_layers_and_groups_that_cannot_be_measured_are_refused(
    attempt: Try,
    made: Callable[[], nn.Module],
    groups: dict[str, tuple[str, ...]],
    layers: tuple[str, ...] | None,
    remedy: str,
) -> None:
    with pytest.raises(ModelError) as error:
        attempt(lambda **_sizes: made(), groups, layers)
    assert remedy in str(error.value)


def test_groups_may_leave_out_layers_use_patterns_and_hold_parameters_that_layers_names(attempt: Try) -> None:
    attempt(lambda **_sizes: Two(), {"all": ("parts.*",)})
    attempt(lambda **_sizes: Two(), {"scales": ("scale",)}, ("parts.fc", "scale"))


def test_batchnorm_over_a_last_batch_of_one_image_is_refused_with_batch_size_as_remedy(attempt: Try) -> None:
    norm = network(
        lambda net, images: net.parts[1](net.parts[0](images.flatten(1))), nn.BatchNorm1d(1024), nn.Linear(1024, 5)
    )
    attempt(norm, images=32)
    for batch_size in ("31", "1"):
        with pytest.raises(ModelError, match="last batch has one image, so try another batch_size"):
            attempt(norm, images=32, batch_size=batch_size)


@pytest.mark.parametrize("val_split", ["0", "0.2"])
def test_a_last_batch_of_one_image_in_evaluation_is_tried(attempt: Try, val_split: str) -> None:
    squeezed = network(lambda net, images: flat(net, images).squeeze(), nn.Linear(1024, 5))
    attempt(squeezed, images=32, batch_size="6")
    with pytest.raises(ModelError, match=r"for 1 image in evaluation it returned \(5,\), not \(1, 5\)"):
        attempt(squeezed, images=35, batch_size="5", val_split=val_split)  # 6 test images, 28 and 7 or 35 and 0 others


def test_a_file_may_name_its_layers(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text("def net(input_channels, num_classes): ...\nnet.layers = ['fc', 'scale*']\n")
    assert custom.custom_architecture(f"{file}:net").layers == ("fc", "scale*")
    (tmp_path / "wrong.py").write_text("def net(input_channels, num_classes): ...\nnet.layers = 'fc'\n")
    with pytest.raises(ModelError, match=r"layers must be like \['conv\*', 'pos_embedding'\]; got 'fc'"):
        custom.custom_architecture(f"{tmp_path / 'wrong.py'}:net")
