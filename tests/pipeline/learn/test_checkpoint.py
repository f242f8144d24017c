"""A checkpoint holds everything: whoever goes on from it gets the bits of the run that was not interrupted."""

from pathlib import Path

import torch
from torch import Generator, nn

from data.loader import Loader, load
from data.npz import npz_dataset
from data.prepared import Prepared, prepare
from pipeline.epoch import EpochReport
from pipeline.learn.best import Best
from pipeline.learn.checkpoint import checkpoint, slot
from pipeline.learn.fit import fit

Parts = tuple[nn.Module, torch.optim.Optimizer, Generator, dict[str, Loader]]


def start(prepared: Prepared, seed: int) -> Parts:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(1024, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    generator = Generator().manual_seed(seed)
    return model, optimizer, generator, load(prepared, batch_size=10, val_split=0, generator=generator)


def numbers(report: EpochReport) -> tuple[object, ...]:
    return report.losses, report.accuracies, report.layers


def test_going_on_from_a_checkpoint_gives_the_same_bits(tiny_npz: Path, tmp_path: Path) -> None:
    prepared = prepare(npz_dataset(tiny_npz), tmp_path)
    model, optimizer, generator, loaders = start(prepared, seed=0)
    best, reports = Best(), []
    for report in fit(model, loaders, optimizer, epochs=4, precision="fp32"):
        reports.append(report)
        best.update(report, model)
        if report.epoch == 2:
            torch.save(checkpoint(model, optimizer, generator, 2, best), tmp_path / slot(0))

    state = torch.load(tmp_path / slot(0), weights_only=True)
    model, optimizer, generator, loaders = start(prepared, seed=99)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"]["torch"])
    generator.set_state(state["random"]["loader"])
    again = list(fit(model, loaders, optimizer, epochs=2, precision="fp32"))
    assert [numbers(report) for report in again] == [numbers(report) for report in reports[2:]]
    assert state["epoch"] == 2


def test_slots_take_turns() -> None:
    assert [slot(number) for number in range(3)] == ["slot-a.pt", "slot-b.pt", "slot-a.pt"]


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
