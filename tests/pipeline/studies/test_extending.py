"""Other ways to run the project: a new model and a new data set, a git address, an environment made by uv."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest

ROOT = Path(__file__).parents[3]


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


STRIPES = '''"""Stripes of three widths, as an example: they are drawn, not read."""

from pathlib import Path

import numpy as np

from data.datasets import DataSet, Images, register


def _find(_data_dir: Path) -> list[Path]:
    return [Path(__file__)]


def _read(_data_dir: Path) -> Images:
    labels = np.arange(60, dtype=np.uint8) % 3
    images = np.random.default_rng(0).integers(0, 100, (60, 16, 16, 3), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:: 2 * label + 2] += 100
    return Images(images[:40], labels[:40], images[40:], labels[40:])


register(DataSet(name="Stripes", aliases=("Lines",), classes=("2", "4", "6"), find=_find, read=_read, flip=True))
'''


@pytest.fixture
def extended(tmp_path: Path) -> Path:
    """A copy of the project with two new files and nothing edited: the model of CONTRIBUTING, and a data set."""
    project = copy_of_the_project(tmp_path)
    (code,) = re.findall(r"```python\n(\"\"\"A small network.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    (project / "models" / "tiny.py").write_text(code)
    (project / "data" / "stripes.py").write_text(STRIPES)
    return project


def test_a_model_and_a_data_set_are_one_new_file_each(run: Callable, extended: Path, store: str) -> None:
    given = ["--model_name=TINY", "--dataset=lines", "--epochs=1", "--lr=0.01"]
    process = run("python", "-m", "pipeline", "study", *given, "--seeds=0", cwd=extended, MLFLOW_TRACKING_URI=store)
    assert process.returncode == 0, process.stderr
    study = mlflow.MlflowClient(store).search_runs(["0"], "tags.`layerwise.kind` = 'study'")[0]
    assert study.info.run_name == "Tiny-Stripes"
    assert {"rwc/01_conv", "rwc/02_fc", "rwc_group/early", "rwc_group/later"} <= set(study.data.metrics)
    process = run("python", "-m", "pipeline", "study", "--model_name=tinny", cwd=extended)
    assert "(did you mean Tiny?)" in process.stderr


LEFT_OUT = {Path(__file__).name}  # it would run itself


def looks_at_all(tests: Path) -> bool:
    """Return whether tests use a registry as a whole, and not only models or data sets by their names."""
    lines = (line for line in tests.read_text().splitlines() if not line.startswith(("from ", "import ")))
    return any(re.search(r"\b(ARCHITECTURES|DATASETS)\b(?!\[)", line) for line in lines)


@pytest.mark.slow
def test_tests_of_all_models_and_data_sets_pass_with_new_ones(run: Callable, extended: Path) -> None:
    files = [path for path in sorted((extended / "tests").rglob("test_*.py")) if path.name not in LEFT_OUT]
    tests = [str(path) for path in files if looks_at_all(path)]
    done = run("python", "-m", "pytest", "-vv", "-m", "not slow", "-p", "no:cacheprovider", *tests, cwd=extended)
    assert done.returncode == 0, done.stdout
    for new in ("test_a_gradient_reaches_every_parameter[Tiny]", "test_classes_have_names_of_their_own[Stripes]"):
        assert new in done.stdout


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
