"""The losses of the first steps are those that were recorded: a refactor of the loop must not change a bit."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
RECORD = "python tests/pipeline/training/golden.py > tests/pipeline/training/golden.json"


@pytest.mark.skipif(torch.backends.cpu.get_cpu_capability() == "DEFAULT", reason="the kernels are those of AVX2")
def test_the_first_losses_have_not_changed(environment: dict[str, str]) -> None:
    golden = json.loads((HERE / "golden.json").read_text())
    printed = subprocess.run(
        [sys.executable, HERE / "golden.py"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    again = json.loads(printed)
    assert again["torch"] == golden["torch"], f"another torch, other kernels: look at the losses, then record: {RECORD}"
    assert {len(losses) for losses in golden["losses"].values()} == {20}
    for model, losses in golden["losses"].items():
        assert again["losses"][model] == losses, f"{model} takes other steps; if that is meant: {RECORD}"
