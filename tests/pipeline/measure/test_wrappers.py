"""Layers have the names of the network inside, at any depth of wrapping."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import distributed as dist
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from pipeline.measure.forward import forward_order
from pipeline.measure.steps import StepSampler, StepTracker
from pipeline.measure.tracker import LayerTracker
from pipeline.measure.weights import layer_weights, other_parameters
from pipeline.measure.wrappers import unwrapped


@pytest.fixture
def one_process(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


class _FabricModule(nn.Module):
    """Holds a network twice, as Lightning's Fabric does."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._forward_module, self._original_module = network, network


class Residual(nn.Module):
    """Not a wrapper, though it calls what is inside it `module`."""

    def __init__(self) -> None:
        super().__init__()
        self.module = nn.Linear(4, 4)


WRAPPERS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "compile": torch.compile,
    "DataParallel": nn.DataParallel,
    "DistributedDataParallel": DistributedDataParallel,
    "both": lambda model: DistributedDataParallel(torch.compile(model)),
    "AveragedModel": AveragedModel,
    "checkpoint": checkpoint_wrapper,
    "Fabric": _FabricModule,
    "several": lambda model: nn.DataParallel(nn.DataParallel(checkpoint_wrapper(torch.compile(model)))),
}
NAMES = ["0", "1.module", "2"]


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), Residual(), nn.Linear(4, 2))


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_a_wrapped_network_has_the_names_of_the_network(wrap: Callable[[nn.Module], nn.Module]) -> None:
    model = wrap(network())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert list(layer_weights(model)) == NAMES
    assert list(LayerTracker(model, ["rwc"]).epoch_end()["rwc"]) == NAMES
    assert list(LayerTracker(model, ["rwc"], layers=["1.*"]).weights) == ["1.module"]
    steps, sampler = StepTracker(model, every=1), StepSampler(model, optimizer, every=1)
    optimizer.step()
    steps.step_end()
    assert list(steps.collect()[1]) == list(sampler.epoch_end()["step_angle"]) == NAMES
    assert type(unwrapped(model)) is nn.Sequential


def test_parts_of_a_network_may_be_wrapped() -> None:
    model = network()
    model[0], model[1].module = checkpoint_wrapper(model[0]), nn.DataParallel(torch.compile(model[1].module))
    assert list(layer_weights(model)) == NAMES
    assert other_parameters(model) == []
    order = nn.Sequential(nn.Flatten(), nn.DataParallel(nn.Linear(4, 4)), nn.Linear(4, 2))
    assert forward_order(order, torch.ones(2, 4)) == ["1", "2"]
