"""Every measurement of weights of every layout in memory, against float64; and what a kept copy of them is made of."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import pipeline.measure.block as block_module
from pipeline.measure.layers import measure_layers
from pipeline.measure.measurements import MEASUREMENTS
from pipeline.measure.memory import buffer_for, memory_order, to_read, to_write
from pipeline.measure.steps import StepSampler, StepTracker
from pipeline.measure.tracker import LayerTracker
from pipeline.measure.weights import copy_of

DENSE: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda base: base[:840].view(20, 42),
    "channels-last": lambda base: base[:840].view(5, 7, 8, 3).permute(0, 3, 1, 2),
    "transposed": lambda base: base[:840].view(20, 42).t(),
    "transposed, from the middle of its memory": lambda base: base[9:849].view(20, 42).t(),
    "TensorFlow's kernel": lambda base: base[:840].view(5, 7, 8, 3).permute(3, 2, 0, 1),
    "JAX's kernel, 1-D": lambda base: base[:840].view(5, 56, 3).permute(2, 1, 0),
    "channels-last, 3-D": lambda base: base[:840].view(5, 2, 7, 4, 3).permute(0, 4, 1, 2, 3),
    "depthwise": lambda base: base[:840].view(20, 6, 7, 1).permute(0, 3, 1, 2),
    "pointwise": lambda base: base[:840].view(20, 1, 1, 42).permute(0, 3, 1, 2),
    "odd strides of one element": lambda base: base.as_strided((840, 1), (1, 999)),
    "one element": lambda base: base[:1].view(1, 1),
    "one element, 5-D": lambda base: base[:1].view(1, 1, 1, 1, 1),
}
LAYOUTS = DENSE | {
    "every second column": lambda base: base[:840].view(20, 42)[:, ::2],
    "every second row": lambda base: base[:840].view(20, 42)[::2],
    "every second column, transposed": lambda base: base[:840].view(20, 42)[:, ::2].t(),
    "every second channel, channels-last": lambda base: base[:840].view(5, 7, 6, 4).permute(0, 3, 1, 2)[:, ::2],
    "expanded rows": lambda base: base[:42].view(1, 42).expand(20, 42),
    "expanded columns": lambda base: base[:20].view(20, 1).expand(20, 42),
    "one element, expanded": lambda base: base[:1].view(1, 1).expand(20, 42),
    "overlapping": lambda base: base.as_strided((20, 42), (21, 1)),
    "overlapping, equal strides": lambda base: base.as_strided((20, 42), (1, 1)),
}
every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


class Network(nn.Module):
    """A layer whose weight is a view of some memory, which training changes."""

    def __init__(self, layout: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.draws = torch.Generator().manual_seed(0)
        self.base = torch.randn(900, generator=self.draws)
        self.weight = nn.Parameter(layout(self.base))

    def train_on(self, scale: float = 0.1) -> Tensor:
        """Change the memory; return a copy of the weights."""
        self.base.add_(scale * torch.randn(900, generator=self.draws))
        return self.now()

    def now(self) -> Tensor:
        return self.weight.detach().double().contiguous().clone()


class Changes(torch.optim.SGD):
    """Steps that change a network's memory, as SGD cannot change what is expanded."""

    def __init__(self, network: Network) -> None:
        super().__init__([nn.Parameter(torch.zeros(1))], lr=1.0)
        self.network = network

    def step(self) -> None:  # type: ignore[override]
        self.network.train_on()


@pytest.fixture(params=["one block, float64", "many blocks, float32"])
def accuracy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """Return the relative accuracy with which layers are measured."""
    if "one" in request.param:
        return 1e-6
    monkeypatch.setattr(block_module, "EXACT_ELEMENTS", 8)
    monkeypatch.setattr(block_module, "CPU_ELEMENTS", 100)
    return 1e-4


def by_hand(before: Tensor, after: Tensor, initial: Tensor, earlier: Tensor | None = None) -> dict[str, float]:
    """Return all measurements in float64, from their definitions; `earlier` are the weights an epoch before."""
    nonzero, matrices = before != 0, [each.flatten(1) for each in (after, after - before)]
    norms = [torch.linalg.matrix_norm(matrix, ord=2).item() for matrix in matrices]
    last = torch.zeros_like(before) if earlier is None else before - earlier
    unit = {name: each / each.norm() for name, each in (("before", before), ("after", after), ("initial", initial))}
    return {
        "rwc": ((after - before).abs().sum() / before.abs().sum()).item(),
        "rwc_elementwise": ((after - before).abs()[nonzero] / before.abs()[nonzero]).mean().item(),
        "rwc_elementwise_zeros": before.numel() - nonzero.sum().item(),
        "weights": before.numel(),
        "shape_factor": (before.abs()[nonzero].mean() * (1 / before.abs()[nonzero]).mean()).item(),
        "rwc_median": ((after - before).abs()[nonzero] / before.abs()[nonzero]).median().item(),
        "l2_change": ((after - before).norm() / before.norm()).item(),
        "displacement": (after - before).norm().item(),
        "angular_update": 2 * math.asin(min(1, (unit["after"] - unit["before"]).norm().item() / 2)),
        "epoch_cosine": (((after - before) * last).sum() / (after - before).norm() / last.norm()).item(),
        "layer_rotation": (unit["after"] - unit["initial"]).norm().item() ** 2 / 2,
        "distance_from_start": ((after - initial).norm() / initial.norm()).item(),
        "weight_norm": after.norm().item(),
        "spectral_norm": norms[0],
        "spectral_change": norms[1],
        "stable_rank": (after.norm().item() / norms[0]) ** 2,
    }


def of_layer(measured: dict[str, dict[str, float]], layer: str = "weight") -> dict[str, float]:
    return {name: by_layer[layer] for name, by_layer in measured.items()}


def assert_equal(measured: dict[str, float], expected: dict[str, float], accuracy: float) -> None:
    """Compare all measurements; the last change, of which the cosine is one, is kept in bfloat16."""
    cosine = measured.pop("epoch_cosine"), expected.pop("epoch_cosine")
    assert cosine[0] == pytest.approx(cosine[1], abs=2**-8, nan_ok=True)
    assert measured == pytest.approx(expected, rel=accuracy, abs=5e-5)


def test_what_is_computed_by_hand_is_every_measurement() -> None:
    assert set(by_hand(*torch.ones(3, 2, 2).unbind())) == set(MEASUREMENTS)


@every_layout
def test_epochs(layout: Callable[[Tensor], Tensor], accuracy: float) -> None:
    network = Network(layout)
    tracker, initial = LayerTracker(network, MEASUREMENTS), network.now()
    before, earlier = initial, None
    for _epoch in range(3):
        after = network.train_on()
        assert_equal(of_layer(tracker.epoch_end()), by_hand(before, after, initial, earlier), accuracy)
        earlier, before = before, after
    assert tracker.epoch_end()["rwc"]["weight"] == 0


@every_layout
def test_within_epochs(layout: Callable[[Tensor], Tensor], accuracy: float) -> None:
    network = Network(layout)
    tracker, before, expected = StepTracker(network, every=2), network.now(), {}
    for step in range(1, 7):
        after = network.train_on()
        tracker.step_end()
        if step % 2 == 0:
            expected[step] = {"weight": pytest.approx(by_hand(before, after, after)["rwc"], rel=accuracy)}
            before = after
    assert tracker.collect() == expected


@every_layout
def test_single_steps(layout: Callable[[Tensor], Tensor], accuracy: float) -> None:
    network = Network(layout)
    optimizer = Changes(network)
    sampler = StepSampler(network, optimizer, every=1)
    for _epoch in range(2):
        steps = []
        for _step in range(2):
            before = network.now()
            optimizer.step()
            steps.append(by_hand(before, network.now(), before))
        angle, size = (
            math.sqrt(sum(step[name] ** 2 for step in steps) / 2) for name in ("angular_update", "displacement")
        )
        measured = of_layer(sampler.epoch_end({"weight": 1.0}))
        assert measured["step_angle"] == pytest.approx(angle, rel=accuracy, abs=5e-5)
        assert measured["step_ratio"] == pytest.approx(steps[-1]["l2_change"], rel=accuracy)
        assert measured["straightness"] == pytest.approx(1 / size / math.sqrt(2), rel=accuracy)


@every_layout
@pytest.mark.parametrize(
    "other", [torch.Tensor.contiguous, lambda weight: weight.mT.contiguous().mT], ids=["contiguous", "transposed"]
)
def test_initial_weights_and_a_snapshot_of_another_layout(
    layout: Callable[[Tensor], Tensor], other: Callable[[Tensor], Tensor], accuracy: float
) -> None:
    network = Network(layout)
    initial = {"weight": other(network.weight.detach()).clone()}
    before = network.train_on()
    tracker = LayerTracker(network, MEASUREMENTS, initial=initial)
    tracker.before, earlier = copy_of({"weight": other(network.weight.detach())}), None
    for _epoch in range(2):
        after = network.train_on()
        expected = by_hand(before, after, initial["weight"].double(), earlier)
        assert_equal(of_layer(tracker.epoch_end()), expected, accuracy)
        earlier, before = before, after


MOVES: dict[str, Callable[[nn.Module], nn.Module]] = {
    "channels-last": lambda model: model.to(memory_format=torch.channels_last),
    "contiguous": lambda model: model.to(memory_format=torch.contiguous_format),
    "float64": lambda model: model.double(),
    "bfloat16": lambda model: model.bfloat16(),
}


def convolutions() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 5, 3)).to(memory_format=torch.channels_last)


def snapshot(model: nn.Module) -> Tensor:
    return model[0].weight.detach().double().contiguous().clone()


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_a_network_that_is_moved_between_epochs(move: Callable[[nn.Module], nn.Module], accuracy: float) -> None:
    model = convolutions()
    tracker, steps = LayerTracker(model, MEASUREMENTS), StepTracker(model, every=1)
    before, earlier = (initial := snapshot(model)), None
    for epoch in (1, 2, 3):
        with torch.no_grad():
            model[0].weight.mul_(1.1).add_(0.01)
        move(model)
        after = snapshot(model)
        expected = by_hand(before, after, initial, earlier)
        steps.step_end()
        assert_equal(of_layer(tracker.epoch_end(), "0"), expected, 10 * accuracy)
        assert steps.collect()[epoch]["0"] == pytest.approx(expected["rwc"], rel=accuracy)
        earlier, before = before, after


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_single_steps_of_a_network_that_is_moved(move: Callable[[nn.Module], nn.Module]) -> None:
    model = convolutions()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.0)
    sampler = StepSampler(model, optimizer, every=1)
    for _epoch in range(2):
        move(model)
        before = snapshot(model)
        sum(parameter.square().sum() for parameter in model.parameters()).backward()
        optimizer.step()
        optimizer.zero_grad()
        expected = by_hand(before, snapshot(model), before)
        measured = sampler.epoch_end(dict.fromkeys(("0", "1"), 1.0))
        assert measured["step_ratio"]["0"] == pytest.approx(expected["l2_change"], rel=1e-5)


def test_layers_that_share_their_memory() -> None:
    one = Network(DENSE["contiguous"])
    model = nn.ModuleDict({"encoder": one, "decoder": nn.Module(), "tied": nn.Module()})
    model["decoder"].weight = nn.Parameter(one.weight.detach().t())
    model["tied"].weight = one.weight  # the same parameter, which is one layer
    with pytest.warns(UserWarning, match="shared weights are measured once: encoder, also tied"):
        tracker = LayerTracker(model)
    before = one.now()
    for _epoch in range(3):
        after = one.train_on()
        expected = pytest.approx(by_hand(before, after, after)["rwc"], rel=1e-6)
        assert tracker.epoch_end()["rwc"] == {"encoder": expected, "decoder": expected}
        before = after


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (4, 0, 3, 3)])
def test_a_part_without_elements_has_no_change(shape: tuple[int, ...]) -> None:
    """As a process has it that holds no rows of a small layer."""
    kept = {"weight": torch.empty(shape)}
    for _epoch in range(2):
        values = measure_layers(kept, {"weight": torch.empty(shape)}, initial={"weight": torch.empty(shape)}, keep=True)
        measured = dict(zip(MEASUREMENTS, values[:, 0].tolist(), strict=True))
        numbers = (
            "weights",
            "rwc_elementwise_zeros",
            "displacement",
            "weight_norm",
            "spectral_norm",
            "spectral_change",
        )
        assert [measured.pop(name) for name in numbers] == [0] * len(numbers)
        assert all(math.isnan(value) for value in measured.values())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_of_half_precision_are_summed_in_float32(dtype: torch.dtype) -> None:
    draws = torch.Generator().manual_seed(0)
    before, after = ((10 * torch.randn(300, 300, generator=draws)).to(dtype) for _weights in range(2))
    measured = measure_layers({"weight": before}, {"weight": after}, initial={"weight": before})[:, 0].tolist()
    expected = by_hand(before.double(), after.double(), before.double())
    found = dict(zip(MEASUREMENTS, measured, strict=True))
    assert found.pop("rwc_median") == pytest.approx(expected.pop("rwc_median"), rel=0.05)  # of a sample
    assert_equal(found, expected, 1e-5)


@every_layout
def test_a_kept_copy_is_equal_dense_and_stays_where_it_is(layout: Callable[[Tensor], Tensor]) -> None:
    network = Network(layout)
    tracker = LayerTracker(network, ["rwc"])
    places = []
    for _epoch in range(3):
        network.train_on()
        tracker.epoch_end()
        kept = tracker.before["weight"]
        assert torch.equal(kept, network.weight)
        assert kept.untyped_storage().nbytes() == kept.numel() * 4
        places.append(kept.data_ptr())
    assert len(set(places)) == 1
    network.train_on()
    assert not torch.equal(kept, network.weight)


@pytest.mark.parametrize("layout", DENSE.values(), ids=DENSE)
def test_dense_weights_are_read_and_written_where_they_are(layout: Callable[[Tensor], Tensor]) -> None:
    weight = Network(layout).weight.detach()
    order, copy = memory_order(weight), weight.clone()
    assert buffer_for(weight, copy) is copy
    assert to_read(weight, order).data_ptr() == weight.data_ptr()
    to_write(copy, order).copy_(to_read(2 * weight, order))
    assert torch.equal(copy, 2 * weight)


def test_what_is_no_view_is_not_written() -> None:
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        to_write(torch.randn(4, 6)[:, ::2], (1, 0))
    kept = {"a": torch.randn(4, 6)[:, ::2]}
    weights = {"a": torch.randn(4, 3)}
    measure_layers(kept, weights, ["rwc"], keep=True)
    assert torch.equal(kept["a"], weights["a"])
