"""The packages that the project imports are pinned once, in conda.yaml; MLproject declares no parameter."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent


def imported() -> set[str]:
    """Return the packages that the product imports."""
    names: set[str] = set()
    for package in ("models", "data", "pipeline"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    names |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    names.add(str(node.module))
    return {name.partition(".")[0] for name in names}


def conda_pins() -> list[str]:
    dependencies = yaml.safe_load((ROOT / "conda.yaml").read_text())["dependencies"]
    return next(entry["pip"] for entry in dependencies if isinstance(entry, dict))


def test_pip_reads_the_pins_of_conda_yaml() -> None:
    printed = subprocess.run(["make", "--silent", "pins"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed.split() == conda_pins()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in conda_pins())


def test_every_package_that_is_imported_is_pinned() -> None:
    distributions = {"sklearn": "scikit-learn", "yaml": "pyyaml"}
    pinned = {pin.partition("==")[0] for pin in conda_pins()}
    used = imported()
    used.add("nvidia-ml-py")  # mlflow imports it
    for name, extra in (("ray", {"ray"}), ("adapters", {"lightning", "transformers"})):
        assert extra <= set(re.findall(r"^[\w-]+", (ROOT / f"requirements-{name}.txt").read_text(), flags=re.M))
        used -= extra
    used.remove("pytorch_lightning")  # where `lightning` is missing
    standard = {"models", "data", "pipeline"} | set(sys.stdlib_module_names)
    assert {distributions.get(name, name) for name in used - standard} == pinned


def test_mlproject_declares_no_parameter() -> None:
    project = yaml.safe_load((ROOT / "MLproject").read_text())
    assert set(project["entry_points"]) == {"main", "sweep", "prepare", "train", "aggregate", "compare"}
    assert all(set(entry) == {"command"} for entry in project["entry_points"].values())
