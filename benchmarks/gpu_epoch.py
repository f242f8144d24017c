"""Epochs of a network on the device: against the plain step, the peak, compiled, and with streamed images."""

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.peak import Product, flop_of, product
from benchmarks.report import Figure
from benchmarks.rounds import Seconds, ratio, time_in_turns
from benchmarks.setup import Bench, plain_forward, plain_step
from data.loader import Loader
from data.prepared import Prepared
from pipeline.host.hardware import can_compile
from pipeline.measure import MEASUREMENTS, LayerTracker
from pipeline.training.setup import make_trainer
from pipeline.training.trainer import Trainer

ROUNDS = 9  # at most
HOPPER = ("H100", "H200")  # the devices with an aim
AIM = {"ResNet18": 1.0}  # seconds of an epoch on these


class Sizes(NamedTuple):
    """Plain steps in a timed block, and seconds after which no further round begins."""

    steps: int
    budget: float


def figures(bench: Bench, name: str, sizes: Sizes) -> Iterator[Figure]:
    """Yield what an epoch costs, and last what it costs compiled: compiling may take longer than there is time."""
    config = replace(bench.config, model_name=name)
    resident, streamed = (make_trainer(config, 0, bench.prepared) for _ in range(2))
    stream(streamed, bench.prepared)
    plain = Plain(bench, resident, name, sizes.steps)
    calls = {"resident": partial(next, resident.run()), **plain.calls()}
    seconds = time_in_turns({**calls, "streamed": partial(next, streamed.run())}, ROUNDS, budget=sizes.budget)
    yield from plain.figures("not compiled", seconds, seconds["resident"])
    yield from _measuring(name, resident, median(seconds["resident"]))
    yield _against_resident(f"{name}, an epoch, images streamed", seconds["streamed"], seconds["resident"])
    equal = same_bits(resident.model.state_dict(), streamed.model.state_dict())
    yield bits(f"{name}, weights after as many epochs of streamed images", "resident images", equal=equal)
    if can_compile():
        compiled = make_trainer(replace(config, compile=True), 0, bench.prepared).run()
        started = time.perf_counter()
        next(compiled)
        first = time.perf_counter() - started
        seconds = time_in_turns({**calls, "compiled": partial(next, compiled)}, ROUNDS, budget=sizes.budget)
        yield from plain.figures("compiled", seconds, seconds["compiled"])
        what = f"{name}, an epoch, compiled (the first {first:.3g} s)"
        yield _against_resident(what, seconds["compiled"], seconds["resident"])


class Plain:
    """The step and the evaluation of a batch with nothing around them, as often as an epoch has them; not compiled."""

    def __init__(self, bench: Bench, trainer: Trainer, name: str, steps: int) -> None:
        self.name, self.precision, self.steps = name, bench.config.precision, steps
        self.train, self.test = (len(trainer.loaders[part]) for part in ("train", "test"))
        self.model = bench.network(name)
        self.step = plain_step(bench, self.model, self.precision)
        self.forward = plain_forward(bench, self.model, self.precision)
        self.matmul: Product = product(bench.config.device, self.precision)
        self.step_flop = flop_of(self.step)
        self.flop = self.train * self.step_flop + self.test * flop_of(self.forward)

    def calls(self) -> dict[str, partial[None] | Product]:
        return {
            "step": partial(self._block, training=True),
            "forward": partial(self._block, training=False),
            "matmul": self.matmul,
        }

    def _block(self, *, training: bool) -> None:
        self.model.train(training)
        call = self.step if training else self.forward
        for _step in range(self.steps):
            call()

    def figures(self, how: str, seconds: Seconds, epoch: list[float]) -> Iterator[Figure]:
        """Yield epochs against the plain step, and their FLOP a second against the peak."""
        floor = [
            (self.train * step + self.test * forward) / self.steps
            for step, forward in zip(seconds["step"], seconds["forward"], strict=True)
        ]
        peak, took = self.matmul.rate(seconds["matmul"]), median(epoch)
        aim = AIM.get(self.name) if _is_hopper() else None
        what = f"{self.name}, an epoch of {self.train} steps and {self.test} test batches, {self.precision}, {how}"
        yield Figure(f"{what} ({took:.3g} s)", f"the plain step, not compiled ({median(floor):.3g} s)",
                     str(ratio(epoch, floor)), f"{aim} s" if aim else "", took <= aim if aim else None)  # fmt: skip
        share, plain = (f"{100 * self.flop / median(times) / peak:.3g} %" for times in (epoch, floor))
        yield Figure(f"{self.name}, FLOP a second of an epoch, {how}; {self.step_flop / 1e9:.3g} GFLOP a step",
                     f"{self.matmul}, {self.precision}, {peak / 1e12:.3g} TFLOP/s",
                     f"{share}, the plain step {plain}", "", None)  # fmt: skip


def stream(trainer: Trainer, prepared: Prepared) -> None:
    """Take the images of a trainer from the host, although they fit on the device."""
    stored = {"train": (prepared.x_train, prepared.y_train), "test": (prepared.x_test, prepared.y_test)}
    trainer.loaders = {
        part: Loader(
            *stored[part],
            prepared,
            moments=loader.moments,
            batch_size=loader.batch_size,
            device=loader.device,
            resident=False,
            memory_format=loader.memory_format,
            generator=loader.generator,
        )
        for part, loader in trainer.loaders.items()
    }


def same_bits(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name].cpu(), other[name].cpu()) for name in one)


def bits(what: str, baseline: str, *, equal: bool) -> Figure:
    return Figure(what, baseline, "the same bits" if equal else "other bits", "the same bits", equal)


def _is_hopper() -> bool:
    return torch.cuda.is_available() and any(name in torch.cuda.get_device_name() for name in HOPPER)


def _against_resident(what: str, seconds: list[float], resident: list[float]) -> Figure:
    base = f"images on the device, not compiled ({median(resident):.3g} s)"
    return Figure(f"{what} ({median(seconds):.3g} s)", base, str(ratio(seconds, resident)), "", None)


def _measuring(name: str, trainer: Trainer, epoch: float) -> Iterator[Figure]:
    """Yield the shares of RWC and of all measurements in an epoch's seconds."""
    trackers = {"RWC": LayerTracker(trainer.model, ("rwc",)), "all": LayerTracker(trainer.model, MEASUREMENTS)}
    calls = {measured: tracker.epoch_end for measured, tracker in trackers.items()}
    seconds = time_in_turns(calls, rounds=3, budget=5)
    base = f"an epoch, not compiled ({epoch:.3g} s)"
    for measured, times in seconds.items():
        what = f"{name}, measuring {measured} at the end of an epoch ({1000 * median(times):.3g} ms)"
        yield Figure(what, base, f"{100 * median(times) / epoch:.3g} %", "", None)
