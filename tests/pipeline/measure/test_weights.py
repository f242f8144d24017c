"""Which parameters are layers, by the type of their module, and in which order the forward pass uses them."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from models import find
from pipeline.measure import LayerTracker
from pipeline.measure.forward import forward_order
from pipeline.measure.weights import layer_weights, other_parameters
from tests.support.networks import Buffered, Recurrent, TinyViT


class Own(nn.Module):
    """A custom module with two weights, a scale that is named like a weight, and a table of positions."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 2))
        self.in_proj_weight = nn.Parameter(torch.randn(6, 2))
        self.scale_weight = nn.Parameter(torch.full((3, 1, 1), 1e-6))
        self.positions = nn.Parameter(torch.zeros(1, 7, 2))


ATTENTION = ["0.in_proj_weight", "0.out_proj"]


@pytest.mark.parametrize(
    ("module", "layers"),
    [
        (nn.Conv1d(2, 3, 3), ["0"]),
        (nn.ConvTranspose3d(2, 3, 3), ["0"]),
        (nn.Bilinear(2, 3, 4), ["0"]),
        (nn.Embedding(5, 2), ["0"]),
        (nn.EmbeddingBag(5, 2), ["0"]),
        (nn.MultiheadAttention(4, 2, add_bias_kv=True), ATTENTION),
        (nn.MultiheadAttention(4, 2, kdim=3, vdim=3), [f"0.{part}_proj_weight" for part in "qkv"] + ATTENTION[1:]),
        (nn.GRU(3, 2), ["0.weight_ih_l0", "0.weight_hh_l0"]),
        (nn.LSTMCell(3, 2), ["0.weight_ih", "0.weight_hh"]),
        (nn.LayerNorm([2, 4, 4]), []),
        (nn.RMSNorm([2, 4]), []),
        (nn.BatchNorm2d(3), []),
        (nn.GroupNorm(1, 3), []),
        (nn.PReLU(3), []),
        (Own(), ["0", "0.in_proj_weight"]),
        (nn.ParameterList([torch.zeros(2, 2)]), []),
    ],
    ids=lambda value: type(value).__name__,
)
def test_layers_multiply_their_input(module: nn.Module, layers: list[str]) -> None:
    assert list(layer_weights(nn.Sequential(module))) == layers


def test_tokens_positions_and_scales_are_named_as_others() -> None:
    assert other_parameters(TinyViT(1, 5)) == ["cls", "positions"]
    convnext = find("torchvision:convnext_tiny").build(input_channels=3, num_classes=10)
    assert all(name.endswith("layer_scale") for name in other_parameters(convnext))
    swin = find("torchvision:swin_t").build(input_channels=3, num_classes=10)
    assert all(name.endswith("relative_position_bias_table") for name in other_parameters(swin))


def test_layers_can_be_chosen_by_names_and_patterns_in_an_order_of_one_s_own() -> None:
    model = TinyViT(1, 5)
    assert list(layer_weights(model, ["head", "positions", "*.0.linear?"])) == [
        "head", "positions", "encoder.layers.0.linear1", "encoder.layers.0.linear2",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="'norm' matches no parameter of two or more dimensions: cls, positions"):
        LayerTracker(model, layers=["norm"])
    tracker = LayerTracker(model, ["rwc"], layers=["positions"])
    with torch.no_grad():
        model.positions.mul_(1.1)
    assert tracker.epoch_end() == {"rwc": {"positions": pytest.approx(0.1, rel=1e-5)}}


@pytest.mark.parametrize("norm", [parametrizations.weight_norm, parametrizations.spectral_norm])
def test_a_parametrised_weight_is_the_one_that_the_layer_computes_with(norm) -> None:
    torch.manual_seed(0)
    linear = norm(nn.Linear(4, 3))
    model = nn.Sequential(linear)
    assert list(layer_weights(model)) == ["0"]
    assert other_parameters(model) == []
    before = {name: tensor.clone() for name, tensor in linear.state_dict().items()}
    assert torch.equal(layer_weights(model)["0"], layer_weights(model)["0"])
    assert all(torch.equal(linear.state_dict()[name], tensor) for name, tensor in before.items())
    assert linear.training
    assert linear.parametrizations.weight.training
    assert torch.equal(layer_weights(model.eval())["0"], linear.weight)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated:FutureWarning")
@pytest.mark.parametrize(
    "norm", [nn.utils.weight_norm, nn.utils.spectral_norm, partial(prune.l1_unstructured, name="weight", amount=0.5)]
)
def test_a_weight_that_a_hook_makes_is_the_one_that_the_layer_computes_with(norm: Callable) -> None:
    torch.manual_seed(0)
    linear = norm(nn.Linear(4, 3))
    model = nn.Sequential(linear)
    assert (list(layer_weights(model)), other_parameters(model)) == (["0"], [])
    with torch.no_grad():
        for parameter in linear.parameters():
            parameter.add_(torch.randn(parameter.shape))
    measured = layer_weights(model)["0"]
    linear.eval()(torch.ones(1, 4))  # the hook makes the weight
    torch.testing.assert_close(measured, linear.weight.detach())


class Turned(nn.Module):
    """Declared from the last layer to the first; one is used transposed, one is asked for its device first."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(2, 2)
        self.last = nn.Linear(4, 2)
        self.weight = nn.Parameter(torch.randn(4, 3))
        self.first = nn.Linear(1024, 3)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.first(images.flatten(1).to(self.last.weight.device))
        logits: Tensor = self.last(hidden @ self.weight.T)
        return logits


IMAGES = torch.zeros(2, 1, 32, 32)


def test_layers_are_in_the_order_in_which_the_forward_pass_uses_them() -> None:
    assert forward_order(Turned(), IMAGES) == ["first", "weight", "last", "unused"]
    assert forward_order(Buffered(1, 2), IMAGES) == ["conv", "head"]
    assert forward_order(Recurrent(1, 2), IMAGES) == ["rows.weight_ih_l0", "rows.weight_hh_l0", "head"]
    vit = [f"encoder.layers.{n}.{part}" for n in (0, 1) for part in
           ("self_attn.in_proj_weight", "self_attn.out_proj", "linear1", "linear2")]  # fmt: skip
    assert forward_order(TinyViT(1, 2), IMAGES) == ["patches", *vit, "head"]
    normed = nn.Sequential(nn.Flatten(), parametrizations.weight_norm(nn.Linear(1024, 2)), nn.Linear(2, 2))
    assert forward_order(normed, IMAGES) == ["1", "2"]


def test_the_order_is_that_of_the_layers_that_are_named() -> None:
    assert forward_order(TinyViT(1, 2).eval(), IMAGES, ["head", "positions", "patches"]) == [
        "patches", "positions", "head",
    ]  # fmt: skip
