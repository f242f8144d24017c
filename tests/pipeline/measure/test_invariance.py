"""Which layers are scale-invariant, in every model and for every kind of input, norm and output."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from models import ARCHITECTURES
from pipeline.measure.invariance import scale_invariant_filters, scale_invariant_layers
from pipeline.measure.weights import layer_weights

OUTSIDE = {"AlexNet": None, "VGG19": {"classifier"}, "ResNet18": {"fc"}, "Xception": {"fc"}}  # None: none has BatchNorm
IMAGES = torch.randn(8, 1, 32, 32, generator=torch.Generator().manual_seed(0))


def images(*shape: int) -> Tensor:
    return torch.randn(8, *shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("name", "outside"), OUTSIDE.items(), ids=OUTSIDE)
def test_layers_before_batchnorm_are_scale_invariant(name: str, outside: set[str] | None) -> None:
    torch.manual_seed(0)
    model = ARCHITECTURES[name].build(input_channels=1, num_classes=10)
    layers = list(layer_weights(model))
    random_state = torch.get_rng_state()
    expected = [layer for layer in layers if outside is not None and layer not in outside]
    assert scale_invariant_layers(model, IMAGES) == expected
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(parameter.grad is None and parameter.dtype == torch.float32 for parameter in model.parameters())


@pytest.mark.parametrize("name", ["AlexNet", "ResNet18"])
def test_scaling_a_scale_invariant_layer_and_no_other_leaves_the_output(name: str) -> None:
    torch.manual_seed(0)
    model = ARCHITECTURES[name].build(input_channels=1, num_classes=10).double().train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-20
        if isinstance(module, nn.Dropout):
            module.eval()
    images = IMAGES[:2].double()
    invariant = scale_invariant_layers(model, IMAGES[:2])
    with torch.no_grad():
        output = model(images)
        for layer, weight in layer_weights(model).items():
            weight.mul_(3)
            moved = (model(images) - output).norm() / output.norm()
            assert (moved < 1e-9) == (layer in invariant), layer
            weight.div_(3)


@pytest.mark.parametrize(
    "norm", [lambda: nn.GroupNorm(2, 4), lambda: nn.InstanceNorm2d(4), lambda: nn.LayerNorm([4, 6, 6])]
)
def test_other_norms_make_layers_scale_invariant_too(norm: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3, bias=False), norm(), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)]
    assert scale_invariant_layers(nn.Sequential(*layers), images(1, 8, 8)) == ["0"]


def test_a_layer_whose_gradient_vanishes_is_not_called_scale_invariant() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Linear(3, 2))
    nn.init.zeros_(model[2].weight)
    assert scale_invariant_layers(model, images(1, 2, 2)) == []


class Norm(nn.Module):
    """RMSNorm as transformers write it: computed in float32, with a constant of another name."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight, self.variance_epsilon = nn.Parameter(torch.ones(features)), 1e-2

    def forward(self, hidden: Tensor) -> Tensor:
        wide = hidden.to(torch.float32)
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        return self.weight * wide.to(hidden.dtype)


class Functional(nn.Module):
    """Calls the norm's function itself, with a constant that no attribute holds."""

    def forward(self, hidden: Tensor) -> Tensor:
        return functional.layer_norm(hidden, hidden.shape[-1:], eps=1e-2)


@pytest.mark.parametrize("norm", [Norm(6), Functional(), nn.RMSNorm(6), nn.RMSNorm(6, eps=1e-2)])
def test_norms_are_found_whatever_their_constant_is_called(norm: nn.Module) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6, bias=False), norm, nn.Tanh(), nn.Linear(6, 2))
    assert scale_invariant_layers(model, images(4)) == ["0"]


class Text(nn.Module):
    """Takes token ids and a mask by name, and returns a dictionary, as transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.norm = nn.Embedding(10, 6), Norm(6)
        self.query_key_value, self.head = nn.Linear(6, 18, bias=False), nn.Linear(6, 10)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> dict[str, object]:
        query, key, value = self.query_key_value(self.norm(self.tokens(input_ids))).chunk(3, -1)
        mask = None if attention_mask is None else attention_mask[:, None].bool()
        hidden = functional.scaled_dot_product_attention(functional.normalize(query, dim=-1), key, value, mask)
        return {"logits": self.head(hidden), "cache": None, "ids": input_ids}


class HalfNormed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wide, self.norm, self.head = nn.Linear(4, 6), nn.BatchNorm1d(3), nn.Linear(6, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        first, rest = self.wide(inputs).chunk(2, 1)
        logits: Tensor = self.head(torch.cat([self.norm(first), rest], 1).tanh())
        return logits


def test_inputs_may_be_token_ids_a_dictionary_or_several() -> None:
    torch.manual_seed(0)
    ids = torch.randint(10, (3, 5))
    for inputs in (ids, {"input_ids": ids, "attention_mask": torch.ones_like(ids)}, (ids, torch.ones_like(ids))):
        assert scale_invariant_layers(Text(), inputs) == ["tokens"]


def test_a_layer_may_be_invariant_in_some_filters_alone() -> None:
    torch.manual_seed(0)
    model = HalfNormed()
    assert scale_invariant_filters(model, images(4)) == {"wide": 0.5, "head": 0}
    assert scale_invariant_layers(model, images(4)) == []


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(3, 4, 3, bias=False), (3, 6, 6)),
        (nn.Conv2d(4, 4, 3, groups=2), (4, 6, 6)),
        (nn.ConvTranspose2d(4, 4, 3, groups=2), (4, 6, 6)),
        (nn.ConvTranspose2d(3, 4, 3), (3, 6, 6)),
    ],
    ids=["conv", "groups", "transposed, groups", "transposed"],
)
def test_each_filter_before_batchnorm_is_invariant_and_none_before_layernorm(layer: nn.Module, shape: tuple[int, ...]):
    torch.manual_seed(0)
    model = nn.Sequential(layer, nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    model(images(*shape))
    assert scale_invariant_filters(model, images(*shape)) == {"0": 1, "4": 0}
    together = nn.Sequential(layer, nn.GroupNorm(1, 4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    together(images(*shape))
    assert scale_invariant_filters(together, images(*shape)) == {"0": 0, "4": 0}
    assert scale_invariant_layers(together, images(*shape)) == ([] if layer.bias is not None else ["0"])


def test_a_bias_that_begins_at_zero_counts() -> None:
    layer = nn.Linear(4, 6)
    nn.init.zeros_(layer.bias)
    assert scale_invariant_layers(nn.Sequential(layer, nn.LayerNorm(6), nn.Linear(6, 2)), images(4)) == []


def test_a_scale_that_begins_at_zero_hides_no_layer() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 2))
    nn.init.zeros_(model[1].weight)
    assert scale_invariant_layers(model, images(4)) == ["0"]


def test_wrapped_frozen_and_shared_layers_are_found_and_parametrised_ones_are_not() -> None:
    torch.manual_seed(0)
    shared = nn.Linear(6, 6)
    model = nn.Sequential(
        nn.Linear(4, 6).requires_grad_(False), nn.BatchNorm1d(6), shared, nn.BatchNorm1d(6), nn.Dropout(0.5),
        shared, nn.BatchNorm1d(6), parametrizations.weight_norm(nn.Linear(6, 6)), nn.BatchNorm1d(6), nn.Linear(6, 2),
    )  # fmt: skip
    assert scale_invariant_layers(nn.DataParallel(model), images(4)) == ["0", "2"]
    assert scale_invariant_layers(model, images(4), layers="trainable") == ["2"]


def test_an_output_without_gradients_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="the output has no tensor that depends on the weights"):
        scale_invariant_layers(nn.Flatten(), images(1, 2))


def test_in_inference_mode_the_model_and_its_gradients_are_left_alone() -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 2)).eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.inference_mode():
        assert scale_invariant_layers(model, images(4)) == ["0"]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not model.training
