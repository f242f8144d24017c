"""The script for a CUDA device runs to its end on any machine, with a tiny network; without a device it says so."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from mlflow.entities import Metric

from benchmarks import gpu
from benchmarks.gpu_seeds import seconds_together
from benchmarks.report import ROOT, Figure

WITHOUT_CUDA = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")


@pytest.mark.slow
def test_all_parts_run_with_a_tiny_network(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    command = [sys.executable, "-m", "benchmarks.gpu", "--small", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = [Figure(**each) for each in json.loads(out.read_text())["gpu"]["figures"]]
    for words in ("steps", "FLOP a second", "measuring RWC", "streamed", "compiled", "resumed", "jobs=2"):
        assert any(words in each.what for each in found), words
    assert {each.holds for each in found if each.target == "the same bits"} == {True}


@WITHOUT_CUDA
def test_full_sizes_are_refused_without_a_device() -> None:
    done = CliRunner().invoke(gpu.main, [])
    assert (done.exit_code, "give --small to try the script without one" in done.output) == (2, True)


def test_a_part_that_fails_or_takes_too_long_is_a_line_and_does_not_stop_the_others() -> None:
    def fails(_bench: object) -> Iterator[Figure]:
        yield Figure("first", "", "1", "", None)
        raise RuntimeError("out of memory")

    def hangs(_bench: object) -> Iterator[Figure]:
        while True:
            yield from ()

    def works(_bench: object) -> Iterator[Figure]:
        yield Figure("last", "", "2", "", None)

    figures, failed = gpu._measure(None, {"a": (60, fails), "b": (0.05, hangs), "c": (60, works)})
    assert failed
    assert [(each.what, each.value) for each in figures] == [
        ("first", "1"),
        ("a", "failed: RuntimeError: out of memory"),
        ("b", "failed: OutOfTime: it took more than 0.05 s: give fewer --batches"),
        ("last", "2"),
    ]


def test_epochs_count_while_all_seeds_train() -> None:
    def points(*ends: int) -> list[Metric]:
        return [Metric("epoch_seconds", end / 1000, end, step) for step, end in enumerate(ends, start=1)]

    assert seconds_together([points(100, 200, 300)]) == 0.25
    assert seconds_together([points(100, 200, 300, 400), points(150, 300, 450)]) == 0.3
    assert seconds_together([points(100, 200), points(300, 400)]) is None
