"""Weights that are split over two processes are measured as whole ones are, and no process gathers a layer."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.utils._python_dispatch import TorchDispatchMode

from pipeline.measure.forward import tensors_in
from pipeline.measure.measurements import MEASUREMENTS
from pipeline.measure.steps import StepSampler, StepTracker
from pipeline.measure.tracker import LayerTracker
from pipeline.measure.weights import copy_of, layer_weights

Split = Callable[[nn.Module], None]
PROCESSES = 2
WIDE, NARROW = 600, 100


def network() -> nn.Module:
    """Layers that are wide, tall, square, uneven, of one row (less than there are processes) and convolutions."""
    torch.manual_seed(0)
    convolutions = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 5, 3), nn.Flatten())
    return nn.Sequential(
        convolutions, nn.Linear(80, 16), nn.ReLU(), nn.Linear(16, 16), nn.Linear(16, 151), nn.Linear(151, 1)
    )


def fsdp(model: nn.Module) -> None:
    fully_shard(model[0])
    fully_shard(model)


def tensor_parallel(model: nn.Module) -> None:
    plan = {"1": ColwiseParallel(), "3": RowwiseParallel()}
    parallelize_module(model, init_device_mesh("cpu", (PROCESSES,)), plan)


def both(model: nn.Module) -> None:
    """Split by FSDP over both processes, and by tensor parallelism, here over one."""
    mesh = init_device_mesh("cpu", (PROCESSES, 1), mesh_dim_names=("data", "tensor"))
    parallelize_module(model, mesh["tensor"], {"1": ColwiseParallel(), "3": RowwiseParallel()})
    fully_shard(model, mesh=mesh["data"])


def replicated(model: nn.Module) -> None:
    """As HSDP does, here by both processes."""
    fully_shard(model, mesh=init_device_mesh("cpu", (PROCESSES, 1), mesh_dim_names=("copies", "parts")))


SPLITS = (fsdp, tensor_parallel, both, replicated)


def follow(shard: Split | None) -> list[object]:
    """Return what is measured of two epochs of two steps."""
    model = network()
    initial = {layer: 1.5 * weight for layer, weight in copy_of(layer_weights(model)).items()}
    if shard:
        shard(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
    tracker = LayerTracker(model, MEASUREMENTS, initial=initial)
    steps, sampler = StepTracker(model, every=2), StepSampler(model, optimizer, every=1)
    optimizer.register_step_post_hook(lambda *_: steps.step_end())
    draws, results = torch.Generator().manual_seed(0), []
    for _epoch in range(2):
        for _step in range(2):
            optimizer.zero_grad()
            model(torch.randn(4, 3, 8, 8, generator=draws)).square().mean().backward()
            optimizer.step()
        with torch.no_grad():
            model(torch.randn(4, 3, 8, 8, generator=draws))  # an evaluation, after which FSDP keeps whole weights
        measured = tracker.epoch_end()
        results += [measured, steps.collect(), sampler.epoch_end(measured["displacement"])]
    return results


class Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that a process makes."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for each in tensors_in(result):
            if not isinstance(each, DTensor):  # of which each process has a part
                self.elements = max(self.elements, each.numel())
        return result


def largest() -> int:
    """Return the elements of the largest tensor in measuring a wide and a tall layer."""
    model = nn.Sequential(nn.Linear(WIDE, NARROW), nn.Linear(NARROW, WIDE))
    fully_shard(model)
    tracker = LayerTracker(model, MEASUREMENTS)
    with Largest() as mode:
        tracker.epoch_end()
    return mode.elements


def in_two_processes(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=PROCESSES)
    results = {split.__name__: follow(split) for split in SPLITS} | {"largest": largest()}
    torch.save(results, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def by_process(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("processes")
    torch.multiprocessing.spawn(in_two_processes, (str(folder),), nprocs=PROCESSES)
    return [torch.load(folder / f"{rank}.pt") for rank in range(PROCESSES)]


@pytest.mark.parametrize("split", SPLITS)
def test_split_weights_are_measured_as_whole_ones(split: Split, by_process: list[dict[str, Any]]) -> None:
    expected = follow(None)
    for results in by_process:
        for measured, whole in zip(results[split.__name__], expected, strict=True):
            assert list(measured) == list(whole)
            for name, by_layer in whole.items():
                assert measured[name] == pytest.approx(by_layer, rel=2e-4, abs=1e-5, nan_ok=True), name


def test_no_process_gathers_a_layer(by_process: list[dict[str, Any]]) -> None:
    assert all(results["largest"] <= WIDE * NARROW / PROCESSES for results in by_process)
