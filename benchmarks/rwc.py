"""c: all measurements of an epoch, RWC among them, against a copy of the same weights."""

from collections.abc import Iterator
from statistics import median

from benchmarks.report import Figure
from benchmarks.rounds import ratio, time_in_turns
from benchmarks.setup import Bench
from pipeline.measure.steps import StepTracker
from pipeline.measure.tracker import LayerTracker

MODELS = ("AlexNet", "ResNet18", "VGG19")
ROUNDS = 41


def figures(bench: Bench) -> Iterator[Figure]:
    for name in MODELS:
        model = bench.network(name)
        tracker, steps = LayerTracker(model), StepTracker(model, every=1)
        target = {layer: weight.clone() for layer, weight in tracker.weights.items()}

        def copy(source=tracker.weights, target=target) -> None:
            for layer, weight in source.items():
                target[layer].copy_(weight)

        seconds = time_in_turns(
            {"copy": copy, "epoch": tracker.epoch_end, "step": steps.step_end}, rounds=ROUNDS, warm_up=3
        )
        of_epoch, of_step = ratio(seconds["epoch"], seconds["copy"]), ratio(seconds["step"], seconds["copy"])
        million = sum(weight.numel() for weight in tracker.weights.values()) / 1e6
        baseline = f"a copy of its {million:.1f} million weights ({1000 * median(seconds['copy']):.1f} ms)"
        what = f"{name}, all measurements of an epoch ({1000 * median(seconds['epoch']):.1f} ms)"
        yield Figure(what, baseline, str(of_epoch), "at most 8", of_epoch.at_most(8))
        what = f"{name}, RWC alone, as `rwc_every` takes it ({1000 * median(seconds['step']):.1f} ms)"
        yield Figure(what, baseline, str(of_step), "", None)
