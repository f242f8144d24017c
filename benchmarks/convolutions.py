"""b-convolutions: a whole step with small maps in their fast forms, against plain ones; the share of matmul's peak."""

from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.report import Figure
from benchmarks.rounds import ratio, time_in_turns
from benchmarks.setup import BATCH, Bench, optimizer
from pipeline.training.loop import autocast
from pipeline.training.small_maps import convolve_small_maps

MODELS = ("AlexNet", "ResNet18", "VGG19")
TYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
ROUNDS = 9
SIDE = 2048  # of the matrices that show the peak


def figures(bench: Bench) -> Iterator[Figure]:
    for precision in TYPES:
        for name in MODELS:
            yield from _figures(bench, name, precision)


def _figures(bench: Bench, name: str, precision: str) -> Iterator[Figure]:
    fast, plain = bench.network(name), bench.network(name)
    convolve_small_maps(fast, bench.config.device)
    left, right = (torch.randn(SIDE, SIDE, dtype=TYPES[precision], device=bench.config.device) for _ in range(2))
    steps = {"fast": _step(bench, fast, precision), "plain": _step(bench, plain, precision)}
    with FlopCounterMode(display=False) as counter:
        steps["plain"]()
    seconds = time_in_turns({**steps, "matmul": partial(torch.mm, left, right)}, ROUNDS)
    flop, peak = counter.get_total_flops(), 2 * SIDE**3 / min(seconds["matmul"])
    faster, took = ratio(seconds["plain"], seconds["fast"]), {who: median(seconds[who]) for who in steps}
    what = f"{name}, a step of {BATCH} images, {flop / 1e9:.0f} GFLOP, {precision} ({1000 * took['fast']:.0f} ms)"
    yield Figure(what, f"plain convolutions ({1000 * took['plain']:.0f} ms)", str(faster), "at least 0.97",
                 faster.at_least(0.97))  # fmt: skip
    shares = {who: 100 * flop / took[who] / peak for who in steps}
    yield Figure(f"{name}, {precision}, FLOP a second", f"matmul of {SIDE} x {SIDE}, {peak / 1e9:.0f} GFLOP/s",
                 f"{shares['fast']:.0f} %, plain {shares['plain']:.0f} %", "", None)  # fmt: skip


def _step(bench: Bench, model: nn.Module, precision: str) -> Callable[[], None]:
    sgd = optimizer(model)
    images, labels = next(iter(bench.loaders()["train"]))

    def step() -> None:
        with autocast(images, precision):
            loss = cross_entropy(model(images), labels)
        sgd.zero_grad()
        loss.backward()
        sgd.step()

    return step
