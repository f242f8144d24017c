"""Other ways to run the project: a new model in one file, a git address, an environment made by uv."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest

ROOT = Path(__file__).parents[2]


def copy_of_the_project(folder: Path) -> Path:
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(lambda name: (ROOT / name).is_file(), tracked.splitlines()):
        target = folder / "project" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    return folder / "project"


def test_the_readme_s_model_is_one_new_file(run: Callable, tiny_npz: Path, store: str, tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path)
    (code,) = re.findall(r"```python\n(\"\"\"A small network.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (project / "models" / "tiny.py").write_text(code)
    given = ["--model_name=TINY", f"--dataset={tiny_npz}", "--epochs=1", "--lr=0.01"]
    process = run("python", "-m", "pipeline", "study", *given, "--seeds=0", cwd=project, MLFLOW_TRACKING_URI=store)
    assert process.returncode == 0, process.stderr
    study = mlflow.MlflowClient(store).search_runs(["0"], "tags.`layerwise.kind` = 'study'")[0]
    assert study.info.run_name == "Tiny-tiny"
    assert {"rwc/01_conv", "rwc/02_fc", "rwc_group/early", "rwc_group/later"} <= set(study.data.metrics)
    process = run("python", "-m", "pipeline", "study", "--model_name=tinny", cwd=project)
    assert "AlexNet, ResNet18, Tiny, VGG19, Xception (did you mean Tiny?)" in process.stderr


@pytest.mark.slow
def test_a_git_address(run: Callable, options: dict[str, str], store: str, tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path)
    author = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "a copy"]):
        subprocess.run(["git", *command], cwd=project, check=True)
    values = [f"-P{name}={value}" for name, value in (options | {"epochs": "1", "seeds": "0"}).items()]
    address = f"file://{project}"
    process = run(
        "mlflow", "run", address, "--env-manager=local", *values, cwd=tmp_path, MLFLOW_TRACKING_URI=store
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    study = mlflow.MlflowClient(store).search_runs(["0"], "tags.`layerwise.kind` = 'study'")[0]
    assert study.info.status == "FINISHED"
    assert study.data.tags["mlflow.source.git.commit"]


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_an_environment_made_by_uv(run: Callable, options: dict[str, str], store: str) -> None:
    values = [f"-P{name}={value}" for name, value in (options | {"epochs": "1", "seeds": "0"}).items()]
    process = run("mlflow", "run", ".", "--env-manager=uv", *values, timeout=1400, MLFLOW_TRACKING_URI=store)
    assert process.returncode == 0, process.stderr
    runs = mlflow.MlflowClient(store).search_runs(["0"])
    assert [run.info.status for run in runs] == ["FINISHED", "FINISHED"]
