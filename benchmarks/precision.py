"""h: what bfloat16 changes: AlexNet on FMNIST with Table 1, 3 seeds, 5 epochs, against the same in float32.

It takes an hour: every seed is kept in docs/precision.json as soon as it is trained, and not trained again.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from statistics import fmean, stdev

from benchmarks.report import ROOT, Figure, stamp
from benchmarks.setup import Bench
from pipeline.host.hardware import precision_on
from pipeline.training.loop import fit
from pipeline.training.setup import set_up

KEPT = ROOT / "docs" / "precision.json"
SEEDS, EPOCHS = (0, 42, 123), 5
HALF, FLOAT = "bf16", "fp32"
Kept = dict[str, dict[str, dict]]


def figures(bench: Bench) -> Iterator[Figure]:
    kept: Kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    if precision_on(bench.config.device, "auto") != HALF:
        raise SystemExit("h needs hardware that computes in bfloat16: AVX512-BF16, AMX, or a GPU")
    for seed in SEEDS:
        for precision in (FLOAT, HALF):
            if str(seed) not in kept.setdefault(precision, {}):
                kept[precision][str(seed)] = {**_train(bench, seed, precision), **stamp()}
                KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    for epoch in range(EPOCHS):
        ours, floats = ([seed["test_acc"][epoch] for seed in kept[precision].values()] for precision in (HALF, FLOAT))
        apart = abs(fmean(ours) - fmean(floats))
        yield Figure(
            f"test accuracy after epoch {epoch + 1}, AlexNet on FMNIST, seeds {', '.join(map(str, SEEDS))}, {HALF}",
            f"fp32: {_listed(floats)}",
            f"{_listed(ours)}: means {apart:.2f} apart, deviation of seeds {stdev(floats):.2f}",
            "within the spread" if epoch + 1 == EPOCHS else "",
            apart <= stdev(floats) if epoch + 1 == EPOCHS else None,
        )
    ratios = sorted(_rwc_ratios(kept[HALF], kept[FLOAT]))
    spreads = sorted(_rwc_spreads(kept[FLOAT]))
    yield Figure(
        f"RWC of every layer and epoch, mean over the seeds, {HALF}",
        "fp32",
        f"{ratios[0]:.3f} to {ratios[-1]:.3f} times, median {ratios[len(ratios) // 2]:.3f}",
        f"within a factor of {1 + spreads[-1]:.2f}, the widest spread of fp32's seeds",
        1 / (1 + spreads[-1]) <= ratios[0] and ratios[-1] <= 1 + spreads[-1],
    )


def _train(bench: Bench, seed: int, precision: str) -> dict[str, object]:
    config = replace(bench.config, precision=precision)
    loaders, learner = set_up(config, seed, bench.prepared)
    reports = []
    for report in fit(learner.model, loaders, learner.optimizer, epochs=EPOCHS, precision=precision):
        print(f"h  {precision} seed {seed} epoch {report.epoch}: {report.accuracies['test']:.2f} %", flush=True)
        reports.append(report)
    rwc = {layer: [report.layers["rwc"][layer] for report in reports] for layer in reports[0].layers["rwc"]}
    return {"test_acc": [report.accuracies["test"] for report in reports], "rwc": rwc}


def _rwc_ratios(one: dict[str, dict], other: dict[str, dict]) -> Iterator[float]:
    for layer in next(iter(one.values()))["rwc"]:
        for epoch in range(EPOCHS):
            mine, theirs = (fmean(seed["rwc"][layer][epoch] for seed in seeds.values()) for seeds in (one, other))
            yield mine / theirs


def _rwc_spreads(seeds: dict[str, dict]) -> Iterator[float]:
    """Yield how far the outermost seed is from the mean, as a share of it."""
    for layer in next(iter(seeds.values()))["rwc"]:
        for epoch in range(EPOCHS):
            values = [seed["rwc"][layer][epoch] for seed in seeds.values()]
            yield max(abs(value / fmean(values) - 1) for value in values)


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)
