"""Devices that this machine need not have: tensors without data, in torch's fake mode."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

import pipeline.measure.layers as layers_module
from pipeline.measure.forward import tensors_in
from pipeline.measure.layers import measure_layers
from pipeline.measure.measurements import MEASUREMENTS


class WithoutFloat64(TorchDispatchMode):
    """Refuses float64 on Apple's MPS, as torch does there."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for each in tensors_in(result):
            if each.device.type == "mps" and each.dtype == torch.float64:
                raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support it")
        return result


@pytest.fixture(autouse=True)
def _devices_are_tried_anew() -> Iterator[None]:
    layers_module.measured_on.cache_clear()
    yield
    layers_module.measured_on.cache_clear()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("elements", [40, 400])  # below and above those that are converted to float64
def test_layers_on_a_device_without_float64_are_measured_on_the_host(dtype: torch.dtype, elements: int) -> None:
    with FakeTensorMode(), WithoutFloat64():
        weight = torch.randn(elements, 40, device="mps", dtype=dtype)
        kept = {"a": torch.randn(elements, 40, dtype=dtype)}
        values = measure_layers(kept, {"a": weight}, MEASUREMENTS, initial={"a": weight}, keep=True)
    assert (values.device.type, values.dtype, kept["a"].device.type) == ("cpu", torch.float64, "cpu")


def test_copies_are_kept_on_the_device_that_is_asked_for() -> None:
    with FakeTensorMode():
        weights = {"a": torch.randn(40, 40, device="cuda:0")}
        host = {"a": torch.randn(40, 40)}
        place = host["a"]
        values = measure_layers(host, weights, ["rwc"], keep=True, keep_on=torch.device("cpu"))
        beside = {"a": torch.randn(40, 40)}
        measure_layers(beside, weights, ["rwc"], keep=True)
    assert (values.device.type, host["a"] is place, beside["a"].device.type) == ("cuda", True, "cuda")


def test_layers_may_lie_on_several_devices() -> None:
    """As a network does that is too large for one."""
    with FakeTensorMode():
        weights: dict[str, Tensor] = {name: torch.randn(40, 40, device=name) for name in ("cuda:0", "cuda:1", "cpu")}
        kept = {name: weight.clone() for name, weight in weights.items()}
        values = measure_layers(kept, weights, MEASUREMENTS, keep=True)
    assert (values.shape, str(values.device)) == ((len(MEASUREMENTS), 3), "cuda:0")
    assert all(str(kept[name].device) == name for name in weights)
