"""The examples, run as their readers run them, with `layerwise` as if it were installed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

ROOT = Path(__file__).parent.parent
EPOCHS = 8


@pytest.fixture
def layerwise(tmp_path: Path) -> Path:
    """A folder in which `layerwise` lies, and nothing else of the project."""
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "layerwise").symlink_to(ROOT / "pipeline" / "measure")
    return folder


def output_of(example: str | Path, layerwise: Path, folder: Path) -> list[str]:
    """Return the lines that an example prints, run in a folder."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    process = subprocess.run(
        [sys.executable, ROOT / "examples" / example],
        cwd=folder,
        env=variables | {"PYTHONPATH": str(layerwise), "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.splitlines()


def test_the_plain_loop_prints_the_change_of_every_layer_and_epoch(layerwise: Path, tmp_path: Path) -> None:
    title, header, *rows = output_of("plain_loop.py", layerwise, tmp_path)
    assert title == "relative weight change of each layer"
    assert header.split() == ["epoch", "test", "accuracy", "conv1", "conv2", "fc1", "fc2"]
    assert {len(row) for row in rows} == {len(header)}
    values = [row.replace("%", "").split() for row in rows]
    assert [int(epoch) for epoch, *_ in values] == list(range(1, EPOCHS + 1))
    assert all(0 < float(change) < 2 for _epoch, _accuracy, *changes in values for change in changes)
    assert float(values[-1][1]) > 80  # it learns: guessing gives 10


def test_the_loop_with_mlflow_records_every_epoch(layerwise: Path, tmp_path: Path) -> None:
    (hint,) = output_of("mlflow_loop.py", layerwise, tmp_path)
    assert "mlflow ui" in hint
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (run,) = client.search_runs(["0"])
    assert (run.info.run_name, run.info.status) == ("digits", "FINISHED")
    assert run.data.params == {"lr": "0.02", "momentum": "0.9", "batch_size": "32", "epochs": str(EPOCHS), "seed": "0"}
    rwc = {"rwc/01_conv1", "rwc/02_conv2", "rwc/03_fc"}
    assert set(run.data.metrics) == rwc | {"test_acc"}
    for key in run.data.metrics:
        points = client.get_metric_history(run.info.run_id, key)
        assert [point.step for point in points] == list(range(1, EPOCHS + 1))
        assert all(0 < point.value < (2 if key in rwc else 100) for point in points)


def metrics_of(run_name: str, folder: Path, experiment: str) -> dict[str, list[tuple[int, float]]]:
    """Return {key: [(step, value)]} of the run that an example left."""
    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    assert run_name in ("", run.info.run_name)
    return {
        key: [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, key)]
        for key in run.data.metrics
    }


def test_the_page_of_the_package_shows_what_its_first_lines_print(layerwise: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "own_loop.md").read_text()
    (code,) = re.findall(r'^```python title="own_loop.py"\n(.*?)^```', page, flags=re.M | re.S)
    (shown,) = re.findall(r"^```text\n(.*?)^```", page, flags=re.M | re.S)
    (tmp_path / "own_loop.py").write_text(code)
    assert output_of(tmp_path / "own_loop.py", layerwise, tmp_path) == shown.splitlines()


@pytest.mark.slow
def test_lightning_s_loop_records_every_epoch_and_draws_it(layerwise: Path, tmp_path: Path) -> None:
    pytest.importorskip("lightning", reason="Lightning is not installed: make test-adapters")
    header, _epoch, *rows, hint = output_of("lightning_loop.py", layerwise, tmp_path)
    assert header.split() == ["layer", "conv1", "conv2", "fc"]
    assert "mlflow ui" in hint
    assert (tmp_path / "lightning.png").read_bytes().startswith(b"\x89PNG")
    metrics = metrics_of("", tmp_path, "digits")
    rwc = {key: points for key, points in metrics.items() if key.startswith("rwc/")}
    assert sorted(rwc) == ["rwc/01_conv1", "rwc/02_conv2", "rwc/03_fc"]
    for points in (*rwc.values(), metrics["test_acc"]):
        assert [step for step, _value in points] == list(range(44, 45 * EPOCHS, 45))  # 45 batches, from 0
    printed = [[float(value) for value in row.split()[1:]] for row in rows]
    stored = [[round(value, 4) for _step, value in of_layer] for _key, of_layer in sorted(rwc.items())]
    assert printed == [list(of_epoch) for of_epoch in zip(*stored, strict=True)]
    assert metrics["test_acc"][-1][1] > 80  # it learns: guessing gives 10


@pytest.mark.slow
def test_the_transformer_s_change_follows_the_warm_up_and_the_decay(layerwise: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed: make test-adapters")
    output = output_of("transformers_loop.py", layerwise, tmp_path)
    (tmp_path / "transformers.png").stat()
    metrics = metrics_of("sums", tmp_path, "Default")
    rwc = {key: points for key, points in metrics.items() if key.startswith("rwc/")}
    assert len(rwc) == 4 * 7  # four blocks: query, key, value and output, and three matrices of the MLP
    assert all([step for step, _value in points] == list(range(20, 201, 20)) for points in rwc.values())
    losses = [value for _step, value in metrics["loss"]]
    assert losses[-1] < losses[0] / 3  # it learns
    printed = [line.split() for line in output if re.match(r"\d", line)]
    attention = [float(row[1]) for row in printed]
    assert max(attention[:3]) > 20 * attention[-1]  # the rate falls to zero
    assert attention[2:] == sorted(attention[2:], reverse=True)
