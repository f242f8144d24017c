"""c: RWC against a copy of the same weights, and all measurements against the training of an epoch."""

from collections.abc import Iterator
from functools import partial
from statistics import median

import torch

from benchmarks.report import Figure
from benchmarks.rounds import Ratio, ratio, time_in_turns
from benchmarks.setup import BATCH, Bench, optimizer, plain_step
from pipeline.measure.measurements import MEASUREMENTS
from pipeline.measure.steps import StepSampler, StepTracker
from pipeline.measure.tracker import LayerTracker
from pipeline.measure.weights import copy_of, layer_weights
from pipeline.training.setup import SAMPLED_STEPS

MODELS = ("AlexNet", "ResNet18", "VGG19")
ROUNDS = 41
STEP_ROUNDS = 9
TRAIN_STEPS = -(-60_000 // BATCH)
RWC = ("rwc", "rwc_elementwise", "rwc_elementwise_zeros")


def figures(bench: Bench) -> Iterator[Figure]:
    for name in MODELS:
        yield from _figures(bench, name)


def _figures(bench: Bench, name: str) -> Iterator[Figure]:
    model = bench.network(name)
    weights = layer_weights(model)
    sampler = StepSampler(model, optimizer(model), every=1)
    variants = {
        "copy": partial(_copy, weights, copy_of(weights)),
        "rwc": LayerTracker(model, RWC).epoch_end,
        "all": LayerTracker(model, MEASUREMENTS).epoch_end,
        "steps": StepTracker(model, every=1).step_end,
        "sample": partial(_sample, sampler),
    }
    seconds = time_in_turns(variants, rounds=ROUNDS, warm_up=3)
    million = sum(weight.numel() for weight in weights.values()) / 1e6
    copied = f"a copy of its {million:.1f} million weights ({_ms(seconds['copy'])})"
    of_rwc = ratio(seconds["rwc"], seconds["copy"])
    yield Figure(
        f"{name}, RWC, in both forms ({_ms(seconds['rwc'])})", copied, str(of_rwc), "at most 8", of_rwc.at_most(8)
    )
    of_step = ratio(seconds["steps"], seconds["copy"])
    yield Figure(f"{name}, RWC as `rwc_every` takes it ({_ms(seconds['steps'])})", copied, str(of_step), "", None)
    trained = median(
        time_in_turns({"step": plain_step(bench, model, bench.config.precision)}, STEP_ROUNDS, warm_up=2)["step"]
    )
    every = TRAIN_STEPS // SAMPLED_STEPS
    for what, key, steps, target in (
        (f"{name}, all measurements of an epoch ({_ms(seconds['all'])})", "all", TRAIN_STEPS, 2),
        (f"{name}, measuring one step of {every} ({_ms(seconds['sample'])})", "sample", every, 1),
    ):
        share = _share(seconds[key], steps * trained)
        yield Figure(what, f"the training of {steps} steps ({1000 * trained:.0f} ms each)",
                     f"{share} %", f"at most {target} %", share.at_most(target))  # fmt: skip


def _copy(source: dict[str, torch.Tensor], target: dict[str, torch.Tensor]) -> None:
    for layer, weight in source.items():
        target[layer].copy_(weight)


def _sample(sampler: StepSampler) -> None:
    """Measure one step without taking it."""
    sampler._step_begins()
    sampler._step_ends()
    sampler.epoch_end(dict.fromkeys(sampler._before, 0.0))


def _share(seconds: list[float], base: float) -> Ratio:
    """Return percent of a fixed number of seconds."""
    return ratio([100 * each for each in seconds], [base] * len(seconds))


def _ms(seconds: list[float]) -> str:
    return f"{1000 * median(seconds):.1f} ms"
