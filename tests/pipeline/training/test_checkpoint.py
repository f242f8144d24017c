"""A checkpoint holds everything: whoever goes on from it gets the bits of the run that was not interrupted."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Generator, nn

from data.loader import Loader, load
from data.npz import npz_dataset
from data.prepared import Prepared, prepare
from pipeline.measure.layers import Weights
from pipeline.measure.steps import StepSampler, StepTracker
from pipeline.measure.tracker import copy_of, layer_weights
from pipeline.tracking.epoch import EpochReport
from pipeline.training.best import Best
from pipeline.training.checkpoint import Learner
from pipeline.training.loop import fit

BATCHES = 5


def start(prepared: Prepared, seed: int) -> tuple[Learner, dict[str, Loader]]:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(1024, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    generator = Generator().manual_seed(seed)
    steps = StepTracker(model, every=3)
    samples = StepSampler(model, optimizer, every=2, steps=BATCHES)
    learner = Learner(model, optimizer, generator, Best(), copy_of(layer_weights(model)), steps, samples)
    return learner, load(prepared, batch_size=10, val_split=0, generator=generator)


def train(
    learner: Learner, loaders: dict[str, Loader], *, after: int = 0, initial: Weights | None = None
) -> Iterator[EpochReport]:
    yield from fit(
        learner.model,
        loaders,
        learner.optimizer,
        epochs=4,
        precision="fp32",
        after=after,
        start=initial or learner.start,
        steps=learner.steps,
        samples=learner.samples,
    )


def numbers(report: EpochReport) -> tuple[object, ...]:
    return report.epoch, report.losses, report.accuracies, report.layers, report.steps


def test_going_on_from_a_checkpoint_gives_the_same_bits(tiny_npz: Path, tmp_path: Path) -> None:
    prepared = prepare(npz_dataset(tiny_npz), tmp_path)
    learner, loaders = start(prepared, seed=0)
    reports = []
    for report in train(learner, loaders):
        reports.append(report)
        learner.best.update(report, learner.model)
        if report.epoch == 2:
            torch.save(learner.state(2), tmp_path / "slot.pt")

    state = torch.load(tmp_path / "slot.pt", weights_only=True)
    again, loaders = start(prepared, seed=99)
    again.restore(state, batches=BATCHES)
    assert state["epoch"] == 2
    assert (again.best.epoch, again.best.accuracy) == (state["best"]["epoch"], state["best"]["accuracy"])
    went_on = train(again, loaders, after=2, initial=learner.start)
    assert list(map(numbers, went_on)) == list(map(numbers, reports[2:]))
    assert [step for report in reports[2:] for step in report.steps] == [12, 15, 18]  # not where an epoch ends


def test_a_checkpoint_without_steps_lets_them_begin_at_its_epoch(tiny_npz: Path, tmp_path: Path) -> None:
    prepared = prepare(npz_dataset(tiny_npz), tmp_path)
    learner, _loaders = start(prepared, seed=0)
    state = learner.state(2)
    del state["steps"]
    learner.restore(state, batches=BATCHES)
    assert learner.steps is not None
    assert learner.steps.step == 2 * BATCHES
    assert all(torch.equal(learner.steps.before[layer], weight) for layer, weight in learner.steps.weights.items())


def report(epoch: int, **accuracies: float) -> EpochReport:
    return EpochReport(epoch=epoch, losses={}, accuracies=accuracies, layers={}, seconds=0)


def test_the_best_is_the_earlier_of_equals_and_a_copy() -> None:
    model, best = nn.Linear(1, 1), Best()
    for epoch, accuracy in enumerate((50.0, 60.0, 60.0, 55.0), start=1):
        nn.init.constant_(model.weight, epoch)
        best.update(report(epoch, test=accuracy), model)
    assert (best.epoch, best.accuracy, best.weights["weight"].item()) == (2, 60, 2)


def test_held_out_images_decide_where_there_are_any() -> None:
    best = Best()
    best.update(report(1, test=90, val=50), nn.Linear(1, 1))
    best.update(report(2, test=80, val=60), nn.Linear(1, 1))
    assert best.epoch == 2
