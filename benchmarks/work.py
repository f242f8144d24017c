"""g: seconds and peak memory against batch size, data set size and parameters, each point in a process of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from statistics import median
from typing import NamedTuple

import numpy as np
from torch import nn

from benchmarks.report import ROOT, Figure, peak_megabytes
from benchmarks.setup import BATCH, Bench, bench, optimizer
from pipeline.analysis.figures import style
from pipeline.measure.tracker import LayerTracker
from pipeline.training.loop import fit, train_pass


class Point(NamedTuple):
    work: float
    seconds: float
    peak_megabytes: float


class Curve(NamedTuple):
    """`work` values to measure at, and what they and the seconds are of."""

    work: tuple[int, ...]
    per: str
    of: str


CURVES = {
    "batch": Curve((16, 32, 64, 128, 256, 512), "images in a batch", "a step of AlexNet"),
    "images": Curve((1000, 2000, 4000, 8000), "training images", "an epoch of AlexNet, a sixth as many test images"),
    "parameters": Curve((1, 5, 10, 20, 40), "million parameters", "measuring an epoch's change of linear layers"),
}


def figures(ready: Bench) -> Iterator[Figure]:
    curves = {name: [_apart(name, work, ready) for work in curve.work] for name, curve in CURVES.items()}
    _draw(curves)
    for name, points in curves.items():
        curve = CURVES[name]
        for quantity, unit in (("seconds", "s"), ("peak_megabytes", "MB")):
            slope, start, share = _line(
                [point.work for point in points], [getattr(point, quantity) for point in points]
            )
            what = f"{quantity.replace('_', ' ')} of {curve.of}"
            value = f"{start:.3g} {unit} + {slope:.3g} {unit} a unit, R² {share:.3f}"
            yield Figure(what, curve.per, value, "a straight line", share >= 0.98)


def _line(works: list[float], values: list[float]) -> tuple[float, float, float]:
    """Return slope, start and R² of the least-squares line."""
    slope, start = np.polyfit(works, values, 1)
    residuals = np.array(values) - (slope * np.array(works) + start)
    return float(slope), float(start), float(1 - residuals.var() / np.var(values))


def _apart(name: str, work: int, ready: Bench) -> Point:
    command = [sys.executable, "-m", "benchmarks.work", name, str(work), ready.config.data_dir]
    printed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    point = Point(**json.loads(printed.splitlines()[-1]))
    print(f"g  {name} {work}: {point.seconds:.3f} s, {point.peak_megabytes:.0f} MB", flush=True)
    return point


def _batch(size: int, ready: Bench) -> float:
    model = ready.network("AlexNet")
    sgd, batches = optimizer(model), iter(ready.loaders(size)["train"])
    steps = max(4, 1024 // size)
    return _median(lambda: train_pass(model, islice(batches, steps), sgd, 1, ready.config.precision, None)) / steps


def _images(count: int, ready: Bench) -> float:
    whole = ready.prepared
    part = replace(whole, x_train=whole.x_train[:count], y_train=whole.y_train[:count])
    part = replace(part, x_test=whole.x_test[: count // 6], y_test=whole.y_test[: count // 6])
    model = ready.network("AlexNet")
    loaders = Bench(ready.config, part).loaders(BATCH)
    reports = fit(model, loaders, optimizer(model), epochs=3, precision=ready.config.precision)
    return median([report.seconds for report in reports])


def _parameters(millions: int, _ready: Bench) -> float:
    model = nn.Sequential(*(nn.Linear(1000, 1000, bias=False) for _layer in range(millions)))
    return _median(LayerTracker(model).epoch_end, repeats=15)


def _median(call: Callable[[], object], repeats: int = 3) -> float:
    seconds = []
    for _repeat in range(repeats + 1):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return median(seconds[1:])


def _draw(curves: dict[str, list[Point]]) -> None:
    figure = style.new_figure(width=11, height=6)
    panels = figure.subplots(2, len(curves))
    for column, (name, points) in enumerate(curves.items()):
        for row, (quantity, label) in enumerate((("seconds", "seconds"), ("peak_megabytes", "peak memory, MB"))):
            axes = panels[row][column]
            works, values = [point.work for point in points], [getattr(point, quantity) for point in points]
            slope, start, _share = _line(works, values)
            axes.plot([0, max(works)], [start, start + slope * max(works)], color=style.PALETTE[1], linewidth=1)
            axes.plot(works, values, "o", color=style.PALETTE[0])
            axes.set_ylim(0, 1.05 * max(values))
            axes.set_xlabel(CURVES[name].per)
            axes.set_ylabel(label)
            axes.spines[["top", "right"]].set_visible(False)
        panels[0][column].set_title(CURVES[name].of, fontsize=9)
    figure.suptitle("Cost against work: points are measured, lines are fitted", fontsize=10)
    style.write(figure, ROOT / "docs" / "figures", "cost")


if __name__ == "__main__":
    measured = {"batch": _batch, "images": _images, "parameters": _parameters}
    kind, amount, data_dir = sys.argv[1:]
    elapsed = measured[kind](int(amount), bench(data_dir))
    print(json.dumps({"work": int(amount), "seconds": elapsed, "peak_megabytes": peak_megabytes()}))
