"""A trainer that resumes from a checkpoint gives the bits of the one that was not interrupted."""

from pathlib import Path

import pytest
import torch
from torch import Generator, nn

from data.loader import load
from data.npz import npz_dataset
from data.prepared import Prepared, prepare
from pipeline.measure import StepSampler, StepTracker
from pipeline.training.epoch_result import EpochResult
from pipeline.training.trainer import Best, Trainer, load_network
from tests.support.networks import Buffered

BATCHES = 5


def make_trainer(prepared: Prepared, seed: int, **given: float) -> Trainer:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(1024, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    loaders = load(prepared, batch_size=10, val_split=0, generator=Generator().manual_seed(seed))
    steps = StepTracker(model, every=3)
    optimizer.register_step_post_hook(lambda *_: steps.step_end())
    samples = StepSampler(model, optimizer, every=2, last=BATCHES)
    return Trainer(model, loaders, optimizer, epochs=4, steps=steps, samples=samples, **given)


@pytest.fixture
def prepared(tiny_npz: Path, tmp_path: Path) -> Prepared:
    return prepare(npz_dataset(tiny_npz), tmp_path)


def numbers(result: EpochResult) -> tuple[object, ...]:
    return result.epoch, result.losses, result.accuracies, result.layers, result.steps


def test_resuming_from_a_checkpoint_gives_the_same_bits(prepared: Prepared, tmp_path: Path) -> None:
    trainer, results = make_trainer(prepared, seed=0), []
    for result in trainer.run():
        results.append(result)
        if result.epoch == 2:
            torch.save(trainer.state(), tmp_path / "checkpoint.pt")
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    resumed = make_trainer(prepared, seed=99)
    resumed.initial = trainer.initial  # the initial weights are those of the seed
    resumed.restore(state)
    assert resumed.epoch == 2
    assert (resumed.best.epoch, resumed.best.accuracy) == (state["best"]["epoch"], state["best"]["accuracy"])
    assert list(map(numbers, resumed.run())) == list(map(numbers, results[2:]))
    assert [step for result in results[2:] for step in result.steps] == [12, 15, 18]  # not where an epoch ends


def test_a_checkpoint_without_steps_lets_them_begin_at_its_epoch(prepared: Prepared) -> None:
    trainer = make_trainer(prepared, seed=0)
    state = trainer.state() | {"epoch": 2}
    del state["steps"]
    trainer.restore(state)
    assert trainer.steps is not None
    assert trainer.steps.step == 2 * BATCHES
    assert all(torch.equal(trainer.steps.before[layer], weight) for layer, weight in trainer.steps.weights.items())


def test_training_stops_at_the_target_and_a_resumed_trainer_that_has_reached_it_trains_nothing(
    prepared: Prepared,
) -> None:
    trainer = make_trainer(prepared, seed=0, target=1.0)
    assert [result.epoch for result in trainer.run()] == [1]
    assert trainer.reached_target
    resumed = make_trainer(prepared, seed=0, target=1.0)
    resumed.restore(trainer.state())
    assert resumed.is_over
    assert list(resumed.run()) == []


def test_buffers_that_training_has_made_or_sized_are_loaded_into_a_new_network() -> None:
    trained, new = Buffered(1, 2), Buffered(1, 2)
    trained(torch.zeros(2, 1, 32, 32))
    load_network(new, trained.state_dict())
    assert list(new.state_dict()) == list(trained.state_dict())
    assert all(torch.equal(new.state_dict()[name], tensor) for name, tensor in trained.state_dict().items())
    with pytest.raises(RuntimeError, match="size mismatch"):
        load_network(Buffered(1, 3), trained.state_dict())


class Versioned(nn.Linear):
    """It asks for the version of what it loads, as torchvision's MNASNet does, and keeps a state that is no tensor."""

    _version = 2

    def get_extra_state(self) -> dict[str, int]:
        return {"steps": 3}

    def set_extra_state(self, state: dict[str, int]) -> None:
        self.loaded = state

    def _load_from_state_dict(self, state: dict, prefix: str, metadata: dict, *rest: object) -> None:
        assert metadata["version"] == 2
        super()._load_from_state_dict(state, prefix, metadata, *rest)


def test_the_best_weights_keep_versions_and_states_of_modules(tmp_path: Path) -> None:
    best, model = Best(), nn.Sequential(Versioned(2, 2))
    best.update(result_of(1, test=10.0), model)
    torch.save({"model": best.weights}, tmp_path / "state.pt")
    new = nn.Sequential(Versioned(2, 2))
    load_network(new, torch.load(tmp_path / "state.pt", weights_only=True)["model"])
    assert torch.equal(new[0].weight, model[0].weight)
    assert new[0].loaded == {"steps": 3}


def result_of(epoch: int, **accuracies: float) -> EpochResult:
    return EpochResult(epoch=epoch, losses={}, accuracies=accuracies, layers={}, seconds=0)


def test_the_best_is_the_earlier_of_equals_and_a_copy() -> None:
    model, best = nn.Linear(1, 1), Best()
    for epoch, accuracy in enumerate((50.0, 60.0, 60.0, 55.0), start=1):
        nn.init.constant_(model.weight, epoch)
        best.update(result_of(epoch, test=accuracy), model)
    assert (best.epoch, best.accuracy, best.weights["weight"].item()) == (2, 60, 2)


def test_held_out_images_decide_where_there_are_any() -> None:
    best = Best()
    best.update(result_of(1, test=90, val=50), nn.Linear(1, 1))
    best.update(result_of(2, test=80, val=60), nn.Linear(1, 1))
    assert best.epoch == 2
