"""`python -m benchmarks.gpu`: what training costs on a CUDA device, in under 8 minutes; docs/performance.md.

The images are random, of CIFAR-10's shapes. Each part has a limit of time, and one that fails does not stop the others.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np

from benchmarks import gpu_epoch, gpu_seeds
from benchmarks.report import ROOT, Figure, keep, stamp, table
from benchmarks.setup import BATCH, Bench
from data.prepared import prepare
from models.architectures import one_line
from pipeline.config.resolve import load_config
from pipeline.host.hardware import device_kind, make_repeatable

PART = "gpu"
LIMITS = {"epoch": 75, "resumed": 90, "jobs": 140}  # seconds: under 8 minutes in all, the first one for each network
BATCHES = 390  # of CIFAR-10 in an epoch, without the last one, which has fewer images
NO_LIMIT = 0  # as setitimer has it
REPEAT = 5  # seconds: where the first one is raised in a callback of the interpreter, it is ignored
TINY = "benchmarks/tiny.py:Tiny"
Part = Callable[[Bench], Iterator[Figure]]


class OutOfTime(Exception):
    """A part took longer than its limit."""


@click.command()
@click.option("--small", is_flag=True, help="a tiny network and few images, to try the script on any machine")
@click.option("--batches", type=click.IntRange(5), default=BATCHES, help="of an epoch; fewer for a slow device")
@click.option("--keep", "into_page", is_flag=True, help="write the figures into docs/performance.md as well")
@click.option("--out", type=click.Path(path_type=Path), default="gpu.json", help="the JSON file that is written")
def main(small: bool, batches: int, into_page: bool, out: Path) -> None:
    """Measure training on a CUDA device in under 8 minutes: print a table, and write it as JSON.

    Epochs of ResNet18, VGG19 and AlexNet against the plain step and the peak of matmul, with and without compiling;
    measuring; streamed images; a resumed seed; five seeds side by side. Exits with 1 if a part fails.
    """
    if not small and device_kind("auto") != "cuda":
        raise click.UsageError("torch finds no CUDA device: give --small to try the script without one")
    out = out.absolute()
    os.chdir(ROOT)
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    began = time.monotonic()
    with TemporaryDirectory() as folder:
        bench = _random_data(folder, 5 if small else batches)
        figures, failed = _measure(bench, _parts(small, folder))
    found = {PART: {**stamp(), "figures": [figure._asdict() for figure in figures]}}
    out.write_text(json.dumps(found, indent=1) + "\n")
    if into_page:
        keep(PART, figures)
    print("\n".join(["", *table(found), "", f"{time.monotonic() - began:.0f} s in all; written to {out}"]))
    sys.exit(1 if failed else 0)


def _parts(small: bool, folder: str) -> dict[str, tuple[float, Part]]:
    """Return the parts by name, each with its limit in seconds; small ones have none: the machine may be busy."""
    networks = (TINY,) if small else ("ResNet18", "VGG19", "AlexNet")
    sizes = gpu_epoch.Sizes(steps=2, budget=0) if small else gpu_epoch.Sizes(steps=50, budget=8)
    epochs = {
        f"epochs of {name}": (LIMITS["epoch"], partial(gpu_epoch.figures, name=name, sizes=sizes)) for name in networks
    }
    resumed = partial(gpu_seeds.resumed, names=(TINY,) if small else ("ResNet18", "AlexNet"))
    seeds, length = (2, 3) if small else (5, 8)
    jobs = partial(gpu_seeds.side_by_side, name=networks[0], seeds=seeds, epochs=length, store=folder)
    parts = {**epochs, "resumed seeds": (LIMITS["resumed"], resumed), "seeds side by side": (LIMITS["jobs"], jobs)}
    return {name: (NO_LIMIT if small else limit, part) for name, (limit, part) in parts.items()}


def _random_data(folder: str, train_batches: int) -> Bench:
    """Return random images of CIFAR-10's shapes, a fifth as many for the test.

    Batches are whole, so that two graphs of each network are compiled and not four.
    """
    draws = np.random.default_rng(0)
    arrays = {}
    for part, batches in (("train", train_batches), ("test", train_batches // 5)):
        count = batches * BATCH
        arrays[f"x_{part}"] = draws.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
        arrays[f"y_{part}"] = (np.arange(count) % 10).astype(np.uint8)
    np.savez(Path(folder) / "cifar-10.npz", **arrays)
    given = {"dataset": "CIFAR-10", "data_dir": folder, "target_val_acc": "none", "seeds": "0", "compile": "false"}
    config = load_config({**given, "epochs": 1000, "lr": 0.001, "weight_decay": 1e-4})
    make_repeatable(config.device, config.threads)  # before CUDA multiplies for the first time
    return Bench(config, prepare(config.data, Path(folder)))


def _measure(bench: Bench, parts: dict[str, tuple[float, Part]]) -> tuple[list[Figure], bool]:
    """Return the figures of all parts, and whether one failed, which has a line of its own."""
    figures: list[Figure] = []
    failed = False
    for name, (limit, part) in parts.items():
        print(f"{name}{f', {limit} s at most' if limit else ''} ...", flush=True)
        try:
            with _limited(limit):
                for figure in part(bench):
                    print(f"  {figure.what}; against {figure.baseline}: {figure.value}", flush=True)
                    figures.append(figure)
        except Exception as error:  # a device may raise anything, and will not be at hand again soon
            failed = True
            figures.append(Figure(name, "", f"failed: {one_line(error)}", "", None))
            print(f"  {figures[-1].value}", flush=True)
    return figures, failed


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the block after some seconds, or when its call into torch returns."""

    def raise_out_of_time(*_: object) -> None:
        raise OutOfTime(f"it took more than {seconds} s: give fewer --batches")

    former = signal.signal(signal.SIGALRM, raise_out_of_time)
    signal.setitimer(signal.ITIMER_REAL, seconds, REPEAT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


if __name__ == "__main__":
    main()
