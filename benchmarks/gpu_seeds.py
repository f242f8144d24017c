"""Whole seeds on the device: the bits of one that is resumed in a process of its own, and several side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
from mlflow.entities import Metric

from benchmarks.gpu_epoch import bits, same_bits
from benchmarks.jobs import run_study
from benchmarks.report import Figure
from benchmarks.setup import Bench, apart
from data.prepared import prepare
from pipeline.config.settings import Config
from pipeline.host.hardware import can_compile
from pipeline.training.setup import make_trainer

AIM = 2  # times as long as one seed: what several may take, on CUDA


def resumed(bench: Bench, names: Sequence[str]) -> Iterator[Figure]:
    """Yield whether the second epoch in another process, from a checkpoint, has the bits of one without a break."""
    for compiled in (False, True) if can_compile() else (False,):
        with TemporaryDirectory() as folder:
            runs = [(replace(bench.config, model_name=name, compile=compiled), Path(folder, f"{number}"))
                    for number, name in enumerate(names)]  # fmt: skip
            for config, path in runs:
                _unbroken(bench, config, path)
            apart(_resume, runs)
            for config, path in runs:
                equal = same_bits(*(torch.load(path.with_suffix(ending)) for ending in (".whole", ".resumed")))
                how = "compiled" if compiled else "not compiled"
                what = f"{config.model_name}, {how}, weights after epoch 2, resumed by another process"
                yield bits(what, "trained without a break", equal=equal)


def _unbroken(bench: Bench, config: Config, path: Path) -> None:
    trainer = make_trainer(config, 0, bench.prepared)
    epochs = trainer.run()
    next(epochs)
    torch.save(trainer.state(), path.with_suffix(".state"))
    next(epochs)
    torch.save(trainer.model.state_dict(), path.with_suffix(".whole"))


def _resume(runs: Sequence[tuple[Config, Path]]) -> None:
    for config, path in runs:
        trainer = make_trainer(config, 0, prepare(config.data, Path(config.data_dir)))
        trainer.restore(torch.load(path.with_suffix(".state"), map_location="cpu", weights_only=True))
        next(trainer.run())
        torch.save(trainer.model.state_dict(), path.with_suffix(".resumed"))


def side_by_side(bench: Bench, name: str, seeds: int, epochs: int, store: str) -> Iterator[Figure]:
    """Yield how long an epoch takes in a study by the command, of one seed and of several; `auto` says if compiled."""
    given = {"model_name": name, "dataset": "CIFAR-10", "data_dir": store, "epochs": epochs, "lr": bench.config.lr}
    given |= {"weight_decay": bench.config.weight_decay, "target_val_acc": "none"}

    def together(count: int) -> float | None:
        listed = ",".join(map(str, range(count)))
        return seconds_together(run_study(f"sqlite:///{store}/{count}.db", {**given, "seeds": listed, "jobs": count}))

    alone = together(1)
    yield Figure(f"{name}, 1 seed by `python -m pipeline study`, an epoch", "", f"{alone:.3g} s", "", None)
    several = together(seeds)
    what = f"{name}, {seeds} seeds with jobs={seeds}, an epoch of all"
    if several is None:
        yield Figure(what, f"1 seed ({alone:.3g} s)", "they hardly overlapped", "", None)
        return
    cuda, times = bench.config.device == "cuda", several / alone
    yield Figure(f"{what} ({several:.3g} s)", f"1 seed ({alone:.3g} s)", f"{times:.3g}",
                 f"at most {AIM}" if cuda else "", times <= AIM if cuda else None)  # fmt: skip


def seconds_together(seeds: Sequence[Sequence[Metric]]) -> float | None:
    """Return the median seconds of the epochs from 2 on while all seeds trained; None if there are none."""
    begins = max(points[0].timestamp for points in seeds)
    ends = min(points[-1].timestamp for points in seeds)
    together = [
        point.value
        for points in seeds
        for before, point in pairwise(points)
        if before.timestamp >= begins and point.timestamp <= ends
    ]
    return median(together) if together else None
