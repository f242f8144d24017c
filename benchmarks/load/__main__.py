"""`python -m benchmarks.load [parts]`: measure, and write the figures into docs/scale.md."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import click

from benchmarks.load import answers, artifacts, page, picture, plan, saturation, storage, sweeps
from benchmarks.load.cycle import cycle, points_of
from benchmarks.load.place import place
from benchmarks.load.recording import Seed, record
from benchmarks.report import ROOT, stamp

PARTS = ("load", "files", "uploads", "storage", "answers", "sweeps")
UPLOAD = "ResNet18"  # whose checkpoint is uploaded again and again


class Options(NamedTuple):
    """What the measurements are made with; `main` says what each is."""

    seeds: list[int]
    seconds: float
    model_name: str
    checkpoint_bytes: int
    sweep_seeds: int
    loop: str


class Numbers(click.ParamType[list[int]]):
    """Whole numbers, with commas between them."""

    name = "numbers"

    def convert(self, value: object, parameter: click.Parameter | None, context: click.Context | None) -> list[int]:
        try:
            return sorted({int(each) for each in str(value).split(",")})
        except ValueError:
            self.fail(f"{value!r} is not whole numbers like 10,100", parameter, context)


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option("--seeds", type=Numbers(), default="1,10,100,1000", help="seeds at once, one measurement each")
@click.option("--seconds", type=float, default=30, help="of each measurement")
@click.option("--model_name", default="ResNet18", help="whose requests the simulated seeds send")
@click.option("--checkpoint_bytes", type=int, default=65_536, help="of each of their checkpoints")
@click.option("--sweep_seeds", type=int, default=1000, help="of the largest sweep")
@click.option("--loop", type=click.Choice(answers.LOOPS), default="uvloop", help="of the server of the sweeps")
@click.option("--page_only", is_flag=True, help="measure nothing: write the page from docs/load.json")
def main(parts: tuple[str, ...], page_only: bool, **options: Any) -> None:
    """Measure the parts named, or all; they take three quarters of an hour on a machine that does nothing else."""
    os.chdir(ROOT)
    if not page_only:
        for part in parts or PARTS:
            made = measure(part, Options(**options))
            page.keep(sweeps.on(options["loop"]) if part == "sweeps" else part, made)
    found = page.load()
    larger, own = plan.by_pool(found["load"]["measured"])
    picture.draw(larger, own, ROOT / "docs" / "figures")
    page.write(found)


def measure(part: str, options: Options) -> dict[str, Any]:
    """Return what was measured of a part, with its origin."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    if part == "files":
        return {**stamp(), "networks": [_said(artifacts.measure_files(name)) for name in artifacts.NETWORKS]}
    with place() as there:
        if part == "uploads":
            size = artifacts.measure_files(UPLOAD)["checkpoint"]
            rates = artifacts.measure_uploads(there, size, options.seconds)
            return {**stamp(), "rates": [_said(rate) for rate in rates]}
        if part == "answers":
            return {**stamp(), "rounds": [_said(found) for found in answers.measure(there)]}
        if part == "sweeps":
            made = sweeps.measure(there, sweeps.cases(options.sweep_seeds), options.loop)
            return {**stamp(), "measured": [_said(found) for found in made]}
        with there.serving(workers=1) as server, TemporaryDirectory() as folder:
            seed = record(server, Path(folder), options.model_name)
        if part == "storage":
            return {**stamp(), **_said(storage.measure(there, seed))}
        cases = saturation.cases(options.seeds)
        measured = saturation.measure(there, seed, cases, options.seconds, options.checkpoint_bytes)
        return {**stamp(), **_of(seed, options.checkpoint_bytes), "measured": [_said(found) for found in measured]}


def _of(seed: Seed, checkpoint_bytes: int) -> dict[str, Any]:
    requests = cycle(seed, checkpoint_bytes=checkpoint_bytes)
    sent = {"requests": len(requests), "points": points_of(requests), "bytes": sum(each.size for each in requests)}
    return {"model": seed.model_name, "sends": seed.table(), "simulated": sent}


def _said(found: dict[str, Any]) -> dict[str, Any]:
    print(found, flush=True)
    return found


if __name__ == "__main__":
    main()
