"""What cannot be measured is left out or NaN, with one warning, and the other layers are measured."""

import math
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from pipeline.measure.measurements import MEASUREMENTS
from pipeline.measure.steps import StepTracker
from pipeline.measure.tracker import LayerTracker


def scale(model: nn.Module, by: float) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.is_floating_point():
                parameter.mul_(by)


def values(measured: dict[str, dict[str, float]], layer: str) -> list[float]:
    return [by_layer[layer] for by_layer in measured.values()]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_of_half_precision_are_measured_within_their_own_rounding(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    half, wide = nn.Linear(200, 300).to(dtype), nn.Linear(200, 300).double()
    wide.load_state_dict(half.state_dict())
    trackers = LayerTracker(half, MEASUREMENTS), LayerTracker(wide, MEASUREMENTS)
    scale(half, 1.1)
    wide.load_state_dict(half.state_dict())
    measured, expected = (
        dict(zip(MEASUREMENTS, values(tracker.epoch_end(), "weight"), strict=True)) for tracker in trackers
    )
    assert measured == pytest.approx(expected, rel=1e-5, abs=2e-4, nan_ok=True)  # the angle is some 1e-3 of the change
    assert measured["rwc"] == pytest.approx(0.1, rel=torch.finfo(dtype).eps * 10)


def test_sums_and_differences_of_float16_do_not_overflow() -> None:
    model = nn.Linear(50, 50).half()
    nn.init.constant_(model.weight, 60_000)
    tracker = LayerTracker(model, MEASUREMENTS)
    scale(model, -1)
    measured = tracker.epoch_end()
    assert (measured["rwc"]["weight"], measured["displacement"]["weight"]) == (2, 120_000 * 50)
    assert measured["spectral_change"]["weight"] == pytest.approx(120_000 * 50)


def test_weights_of_eight_bits_in_floating_point_are_measured() -> None:
    model = nn.Linear(2, 2)
    model.weight = nn.Parameter(torch.full((2, 2), 2.0).to(torch.float8_e4m3fn), requires_grad=False)
    tracker = LayerTracker(model, MEASUREMENTS)
    model.weight.copy_(torch.full((2, 2), 3.0))
    measured = tracker.epoch_end()
    assert (measured["rwc"]["weight"], measured["spectral_norm"]["weight"]) == (0.5, pytest.approx(6))
    model.weight.copy_(torch.full((2, 2), math.nan))
    with pytest.warns(UserWarning, match="weights are NaN or infinite: weight"):
        assert math.isnan(tracker.epoch_end()["rwc"]["weight"])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", [LayerTracker, StepTracker])
def test_a_layer_that_is_not_finite_is_nan_with_one_warning(bad: float, kind: type) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tracker = LayerTracker(model, MEASUREMENTS) if kind is LayerTracker else StepTracker(model, every=1)
    scale(model, 1.5)
    with torch.no_grad():
        model[0].weight[1, 1] = bad
    if isinstance(tracker, StepTracker):
        tracker.step_end()
        with pytest.warns(UserWarning, match="layerwise: weights are NaN or infinite: 0"):
            measured = tracker.collect()[1]
        assert (math.isnan(measured["0"]), measured["1"]) == (True, pytest.approx(0.5))
        return
    with pytest.warns(UserWarning, match="layerwise: weights are NaN or infinite: 0"):
        measured = tracker.epoch_end()
    of_earlier_weights = {"weights", "rwc_elementwise_zeros", "shape_factor"}
    assert {name for name in measured if not math.isnan(measured[name]["0"])} <= of_earlier_weights
    assert measured["rwc"]["1"] == pytest.approx(0.5)
    assert {name for name in measured if math.isnan(measured[name]["1"])} == {"epoch_cosine"}  # it is the first epoch
    tracker.epoch_end()  # without another warning
    nn.init.ones_(model[0].weight)
    tracker.epoch_end()
    scale(model, 1.5)
    assert tracker.epoch_end()["rwc"]["0"] == pytest.approx(0.5)


def integers(dtype: torch.dtype) -> nn.Module:
    layer = nn.Linear(2, 2)
    layer.weight = nn.Parameter(torch.full((2, 2), 100, dtype=dtype), requires_grad=False)
    return layer


def empty() -> nn.Module:
    with warnings.catch_warnings(action="ignore"):  # of torch, that initialising it does nothing
        return nn.Linear(0, 4)


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (integers(torch.int8), "torch.int8"),
        (integers(torch.uint8), "torch.uint8"),
        (integers(torch.bool), "torch.bool"),
        (nn.Linear(2, 2, dtype=torch.complex64), "torch.complex64"),
        (empty(), "no elements"),
        (nn.Linear(2, 2, device="meta"), "no data"),
    ],
    ids=["int8", "uint8", "bool", "complex", "empty", "meta"],
)
def test_a_layer_that_cannot_be_measured_is_left_out_by_name(layer: nn.Module, why: str) -> None:
    model = nn.Sequential(nn.Linear(2, 2), layer)
    with pytest.warns(UserWarning, match=rf"layerwise: not measured: 1 \({why}\)") as said:
        tracker = LayerTracker(model, MEASUREMENTS)
    scale(model[0], 1.5)
    measured = tracker.epoch_end()
    assert {name: list(by_layer) for name, by_layer in measured.items()} == {name: ["0"] for name in MEASUREMENTS}
    assert measured["rwc"]["0"] == pytest.approx(0.5)
    assert len(said) == 1


def test_a_model_without_weights_of_two_dimensions_is_said_once() -> None:
    with pytest.warns(UserWarning, match=r"no layer is measured: .* shard with FSDP2 \(fully_shard\)") as said:
        tracker = LayerTracker(nn.BatchNorm1d(3), ["rwc"])
    assert tracker.epoch_end() == {"rwc": {}}
    assert len(said) == 1


def test_a_lazy_layer_is_measured_from_the_epoch_after_its_first_batch() -> None:
    model = nn.Sequential(nn.LazyLinear(4), nn.LazyBatchNorm1d())
    tracker = LayerTracker(model, ["rwc", "layer_rotation"], layers=["0"])
    assert tracker.epoch_end() == {"rwc": {}, "layer_rotation": {}}
    model(torch.ones(2, 3))
    with pytest.warns(UserWarning, match="new, or of another shape, so measured from the next call on: 0"):
        assert all(map(math.isnan, values(tracker.epoch_end(), "0")))
    scale(model, 1.5)
    assert tracker.epoch_end()["rwc"]["0"] == pytest.approx(0.5)


def test_layers_that_come_go_and_change_shape_between_epochs() -> None:
    model = nn.Sequential(nn.Linear(1, 4), nn.Linear(4, 4))
    tracker, steps = LayerTracker(model, ["rwc", "distance_from_start"]), StepTracker(model, every=1)
    model.append(nn.Linear(4, 2))
    model[0] = nn.Linear(4, 4)  # to which the copy of 4 x 1 could be broadcast
    scale(model[1], 1.5)
    with pytest.warns(UserWarning, match="so measured from the next call on: 0, 2"):
        first = tracker.epoch_end()
    with pytest.warns(UserWarning, match="so measured from the next call on: 0, 2"):
        steps.step_end()
    for measured in (first["rwc"], first["distance_from_start"], steps.collect()[1]):
        assert (math.isnan(measured["0"]), math.isnan(measured["2"])) == (True, True)
        assert measured["1"] == pytest.approx(0.5)
    scale(model, 1.5)
    del model[1]  # then the third has the second's name, and another shape
    with (
        pytest.warns(UserWarning, match="no longer measured: 2"),
        pytest.warns(UserWarning, match="so measured from the next call on: 1"),
    ):
        second = tracker.epoch_end()
    assert list(second["rwc"]) == ["0", "1"]
    assert (second["rwc"]["0"], second["distance_from_start"]["0"]) == (pytest.approx(0.5), pytest.approx(0.5))
    assert (set(tracker.before), set(tracker.initial)) == ({"0", "1"}, {"0", "1"})


def test_layers_given_by_name_may_go_in_training_but_not_be_wrong_at_first() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    with pytest.raises(ValueError, match="'fc' matches no parameter of two or more dimensions: 0, 1"):
        LayerTracker(model, layers=["fc"])
    tracker = LayerTracker(model, ["rwc"], layers=["0", "1"])
    del model[1]
    with pytest.warns(UserWarning, match="no longer measured: 1"):
        assert list(tracker.epoch_end()["rwc"]) == ["0"]


def test_shared_weights_are_measured_once_and_the_names_that_share_them_are_said() -> None:
    model = nn.ModuleDict({"tokens": nn.Embedding(5, 3), "body": nn.Linear(3, 3), "head": nn.Linear(3, 5)})
    model["head"].weight = model["tokens"].weight
    with pytest.warns(UserWarning, match="shared weights are measured once: tokens, also head") as said:
        assert list(LayerTracker(model, ["rwc"]).epoch_end()["rwc"]) == ["tokens", "body"]
    assert len(said) == 1
    model["again"] = model["body"]  # a module that is shared
    with pytest.warns(UserWarning, match="body, also again; tokens, also head"):
        assert list(LayerTracker(model, ["rwc"], layers=["again", "head"]).weights) == ["body", "tokens"]


@pytest.mark.parametrize("bad", [False, True])
@pytest.mark.parametrize("norm", ["weight_norm", "spectral_norm", "orthogonal"])
def test_a_parametrised_weight_is_measured_as_the_layer_computes_with_it(norm: str, bad: bool) -> None:
    torch.manual_seed(0)
    conv = getattr(parametrizations, norm)(nn.Conv2d(2, 3, 3))
    tracker, before = LayerTracker(nn.ModuleDict({"conv": conv}), ["rwc"]), effective(conv)
    with torch.no_grad():
        for parameter in conv.parametrizations.parameters():
            parameter.add_(math.nan if bad else torch.randn(parameter.shape))
    if bad:
        with pytest.warns(UserWarning, match="layerwise: "):
            assert math.isnan(tracker.epoch_end()["rwc"].get("conv", math.nan))
    else:
        expected = ((effective(conv) - before).abs().sum() / before.abs().sum()).item()
        assert tracker.epoch_end() == {"rwc": {"conv": pytest.approx(expected, rel=1e-5)}}


def effective(conv: nn.Module) -> Tensor:
    conv.eval()
    weight: Tensor = conv.weight.detach().clone()
    conv.train()
    return weight


class Inverse(nn.Module):
    """Raises an exception of a matrix that has no inverse."""

    def forward(self, weight: Tensor) -> Tensor:
        return torch.linalg.inv(weight)


def test_a_parametrisation_that_raises_leaves_its_layer_out_and_the_others_are_measured() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    nn.utils.parametrize.register_parametrization(model[0], "weight", Inverse())
    tracker, original = LayerTracker(model, ["rwc"]), model[0].parametrizations.weight.original
    kept = original.detach().clone()
    nn.init.zeros_(original)
    with pytest.warns(UserWarning, match="no longer measured: 0"):
        assert tracker.epoch_end() == {"rwc": {"1": 0}}
    with torch.no_grad():
        original.copy_(kept)
    with pytest.warns(UserWarning, match="measured from the next call on: 0"):
        tracker.epoch_end()
    assert tracker.epoch_end() == {"rwc": {"0": 0, "1": 0}}
