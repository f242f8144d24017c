"""`python -m benchmarks [parts]`: measure, and write the figures into docs/performance.md."""

import os
from importlib import import_module
from tempfile import TemporaryDirectory

import click

from benchmarks.report import ROOT, keep
from benchmarks.setup import bench

PARTS = {
    "ab-AlexNet": ("epoch", "AlexNet"),
    "ab-ResNet18": ("epoch", "ResNet18"),
    "b-convolutions": ("convolutions",),
    "b-agreement-AlexNet": ("agreement", "AlexNet"),
    "b-agreement-ResNet18": ("agreement", "ResNet18"),
    "b-agreement-VGG19": ("agreement", "VGG19"),
    "c": ("rwc",),
    "c-costs": ("costs",),
    "d": ("logs",),
    "e": ("jobs",),
    "f-paper": ("aggregation", "paper"),
    "f-seeds": ("aggregation", "seeds"),
    "f-sizes": ("aggregation", "sizes"),
}


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--data_dir", default="none", help="folder of the data sets; FMNIST is needed")
def main(parts: tuple[str, ...], data_dir: str) -> None:
    """Measure the parts named, or all; they take an hour on two idle cores."""
    with TemporaryDirectory() as folder:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/bench.db"
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        os.chdir(ROOT)
        ready = bench(data_dir)
        for part in parts or PARTS:
            figures = []
            module, *arguments = PARTS[part]
            for figure in import_module(f"benchmarks.{module}").figures(ready, *arguments):
                print(f"{part}  {figure.what}; against {figure.baseline}: {figure.value}  {figure.target}", flush=True)
                figures.append(figure)
            keep(part, figures)


if __name__ == "__main__":
    main()
