"""c-costs: what each measurement of a large layer costs, against a copy of its weights."""

from collections.abc import Iterator
from functools import partial
from statistics import median

import torch

from benchmarks.report import Figure
from benchmarks.rounds import ratio, time_in_turns
from benchmarks.setup import Bench
from pipeline.measure.layers import measure_layers
from pipeline.measure.measurements import MEASUREMENTS, names_of

LAYERS = {"an embedding": (50_000, 1_024), "a linear layer": (4_096, 4_096), "a convolution": (512, 512, 3, 3)}
ROUNDS = 5


def figures(bench: Bench) -> Iterator[Figure]:
    for what, shape in LAYERS.items():
        weight = torch.randn(shape, device=bench.config.device)
        before, after = {"": weight}, {"": weight + 0.01}
        names = {name: [name] for name in MEASUREMENTS} | {
            "those by default": list(names_of(None)),
            "all": list(MEASUREMENTS),
        }
        measured = {
            name: partial(measure_layers, before, after, chosen, initial=before) for name, chosen in names.items()
        }
        seconds = time_in_turns({"copy": partial(weight.clone().copy_, weight), **measured}, ROUNDS)
        size = " x ".join(f"{each:,}" for each in shape)
        copied = f"a copy of its weights ({1000 * median(seconds['copy']):.1f} ms)"
        for name in names:
            took = f"{1000 * median(seconds[name]):.1f} ms"
            times = ratio(seconds[name], seconds["copy"])
            yield Figure(f"{what} of {size}: {name} ({took})", copied, str(times), "", None)
