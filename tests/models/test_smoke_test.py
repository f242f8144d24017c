"""The smoke test rejects networks that cannot be trained, and uses up no random numbers."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from models import Architecture, ModelError
from models.smoke_test import run_smoke_test


def architecture(forward: Callable[[nn.Module, Tensor], object], *parts: nn.Module) -> Architecture:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ModuleList(parts)

        def forward(self, images: Tensor) -> object:
            return forward(self, images)

    return Architecture(name="Net", factory=lambda input_channels, num_classes: Net(), groups={})  # noqa: ARG005


LINEAR = nn.Linear(1024, 5)


def test_a_network_that_fits_leaves_the_random_generator_unchanged() -> None:
    good = architecture(lambda net, images: net.parts[0](images.flatten(1)), nn.Linear(1024, 5))
    before = torch.get_rng_state()
    run_smoke_test(good, channels=1, classes=5, images=2)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("network", "remedy"),
    [
        (architecture(lambda net, images: net.parts[0](images), LINEAR), "cannot take batches of 2 x 1 x 32 x 32"),
        (architecture(lambda net, images: net.parts[0](images.flatten(1)), nn.Linear(1024, 4)), "here (2, 5)"),
        (architecture(lambda net, images: (net.parts[0](images.flatten(1)),), LINEAR), "it returned tuple"),
        (architecture(lambda _net, images: images.flatten(1)[:, :5]), "no layer to measure"),
        (
            architecture(lambda net, images: net.parts[0](images.flatten(1)).detach(), LINEAR),
            "cannot be trained",
        ),
    ],
)
def test_a_network_that_does_not_fit_is_rejected_with_the_reason(network: Architecture, remedy: str) -> None:
    with pytest.raises(ModelError) as error:
        run_smoke_test(network, channels=1, classes=5, images=2)
    assert remedy in str(error.value)


class Two(nn.Module):
    def __init__(self, layer: str = "fc") -> None:
        super().__init__()
        self.parts = nn.ModuleDict({layer: nn.Linear(1024, 5)})
        self.layer = layer

    def forward(self, images: Tensor) -> object:
        logits = self.parts[self.layer](images.flatten(1))
        return logits if self.training or self.layer != "late" else (logits, None)


class Lazy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.LazyLinear(5)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(images.flatten(1))


@pytest.mark.parametrize(
    ("network", "groups", "remedy"),
    [
        (lambda: Two("late"), {}, "in evaluation it returned tuple"),
        (lambda: Two("a+b"), {}, "'parts.a+b' may have letters"),
        (Two, {"early+x": ("parts.fc",)}, "'early+x' may have letters"),
        (Two, {"early": ("part.fc",)}, "'part.fc' in the group 'early' matches no layer (did you mean parts.fc?)"),
        (Two, {"early": ("zzz",)}, "matches no layer; the layers are parts.fc"),
        (Lazy, {}, "fc.weight has no size before the first batch"),
    ],
)
def test_a_network_that_would_fail_later_is_rejected(
    network: Callable[[], nn.Module], groups: dict[str, tuple[str, ...]], remedy: str
) -> None:
    made = Architecture(name="Net", factory=lambda input_channels, num_classes: network(), groups=groups)  # noqa: ARG005
    with pytest.raises(ModelError) as error:
        run_smoke_test(made, channels=1, classes=5, images=2)
    assert remedy in str(error.value)


def test_groups_may_leave_out_layers_and_use_patterns() -> None:
    made = Architecture(name="Net", factory=lambda input_channels, num_classes: Two(), groups={"all": ("parts.*",)})  # noqa: ARG005
    run_smoke_test(made, channels=1, classes=5, images=2)


def test_batchnorm_over_a_last_batch_of_one_image_is_rejected_with_batch_size_as_remedy() -> None:
    norm = architecture(
        lambda net, images: net.parts[1](net.parts[0](images.flatten(1))), nn.BatchNorm1d(1024), nn.Linear(1024, 5)
    )
    run_smoke_test(norm, channels=1, classes=5, images=2)
    with pytest.raises(ModelError, match="last batch has one image, so try another batch_size"):
        run_smoke_test(norm, channels=1, classes=5, images=1)
