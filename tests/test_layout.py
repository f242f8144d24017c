"""House rules that a machine can check: imports run down the floors, pins stand once, the README is true."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml

from data import DATASETS
from models import ARCHITECTURES

ROOT = Path(__file__).parent.parent
# the floors from the bottom; a module may import those of its own floor and of the floors below
FLOORS = (
    "models data pipeline.measure pipeline.analysis pipeline.host.signals pipeline.host.disk pipeline.tracking.epoch pipeline.config.values",
    "pipeline.host.hardware pipeline.host.provenance pipeline.config.params pipeline.config.schema pipeline.config.settings pipeline.config.resolve "
    "pipeline.console.progress pipeline.config.options pipeline.commands.checks pipeline.console.terminal",
    "pipeline.tracking",
    "pipeline.execution.status pipeline.execution.live_table pipeline.training pipeline.commands.prepare pipeline.tracking.study_page",
    "pipeline.commands.train pipeline.commands.aggregate pipeline.commands.compare pipeline.execution pipeline.commands.list pipeline.commands.doctor",
    "pipeline.commands.study",
    "pipeline.config.grid pipeline.execution.plan pipeline.commands.sweep",
    "pipeline.__main__",
)
ALONE = ("models", "data", "pipeline.measure", "pipeline.analysis")


def modules(*packages: str) -> list[tuple[str, Path]]:
    """Return the modules of the packages, by full names; a package that is not there is an error."""
    found = []
    for package in packages or ("models", "data", "pipeline"):
        path = ROOT.joinpath(*package.split("."))
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
        assert files, f"{package} has no modules"
        assert all(file.is_file() for file in files), f"{package} is not there"
        found += [(".".join(file.relative_to(ROOT).with_suffix("").parts), file) for file in files]
    return [(name.removesuffix(".__init__"), file) for name, file in found]


def imports(path: Path) -> set[str]:
    """Return what a module imports, by full names."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = parts[: -node.level] if node.level else ()  # `from .block import Block` is of the module's folder
            module = ".".join((*above, *filter(None, [node.module])))
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def inside(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def floor(name: str) -> int:
    found = [level for level, packages in enumerate(FLOORS) if any(inside(name, p) for p in packages.split())]
    assert len(found) == 1, f"{name} stands on no floor, or on several: {found}"
    return found[0]


def test_imports_run_down_the_floors() -> None:
    for module, path in modules(*" ".join(FLOORS).split()):
        for name in imports(path):
            if inside(name, "pipeline") or inside(name, "models") or inside(name, "data"):
                assert floor(name) <= floor(module), f"{module} imports {name}, which stands above it"


def test_every_module_stands_on_a_floor() -> None:
    assert {module for module, _path in modules()} - {"pipeline"} == {
        module for module, _path in modules(*" ".join(FLOORS).split())
    }


@pytest.mark.parametrize("package", ALONE)
def test_the_lowest_packages_know_nobody_else(package: str) -> None:
    for module, path in modules(package):
        for name in imports(path):
            ours = inside(name, "pipeline") or inside(name, "models") or inside(name, "data")
            assert not ours or inside(name, package), f"{module} imports {name}"
            assert not inside(name, "click"), f"{module} imports click"


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("models", {"torch", "torchvision"}),
        ("data", {"torch", "torchvision", "numpy", "sklearn", "filelock"}),
        ("pipeline.measure", {"torch"}),
        ("pipeline.analysis", {"numpy", "pandas", "matplotlib", "scipy", "jinja2"}),
    ],
)
def test_what_the_lowest_packages_are_built_on(package: str, allowed: set[str]) -> None:
    ours = {"models", "data", "pipeline"} | set(sys.stdlib_module_names)
    used = {name.partition(".")[0] for _module, path in modules(package) for name in imports(path)}
    assert used & allowed
    assert used - ours <= allowed


def test_no_circles() -> None:
    paths = dict(modules())
    edges = {
        module: {target for name in imports(path) for target in (name, name.rpartition(".")[0]) if target in paths}
        for module, path in paths.items()
    }
    packages = {"models", "data", "pipeline"}  # their __init__ imports every module by name
    order = TopologicalSorter({module: found - packages - {module} for module, found in edges.items()})
    assert len(list(order.static_order())) >= len(paths)


def test_only_tracking_knows_mlflow() -> None:
    users = [module for module, path in modules() if any(inside(name, "mlflow") for name in imports(path))]
    assert users
    assert [module for module in users if not inside(module, "pipeline.tracking")] == []


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
    used = {name.partition(".")[0] for _module, path in modules() for name in imports(path)}
    used.add("nvidia-ml-py")  # mlflow imports it
    assert "ray" in {line.partition("[")[0] for line in (ROOT / "requirements-ray.txt").read_text().splitlines()}
    used.remove("ray")
    standard = {"models", "data", "pipeline"} | set(sys.stdlib_module_names)
    assert {distributions.get(name, name) for name in used - standard} == pinned


def registers(path: Path) -> bool:
    """Return whether a file registers a model or a data set."""
    calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return "register" in {name.id for name in calls if isinstance(name, ast.Name)}


def test_the_readme_s_tree_names_every_file_that_is_no_model_and_no_data_set() -> None:
    readme = (ROOT / "README.md").read_text()
    tree = readme.split("```text\n")[1].split("```")[0]
    for _module, path in modules():
        if path.name != "__init__.py" and not registers(path):
            assert re.search(rf"\b{re.escape(path.name)}\b", tree), f"the README's tree lacks {path.name}"
    there = {path.name for _module, path in modules()}
    for name in re.findall(r"\b\w+\.py\b", tree):
        assert name in there, f"the README's tree names {name}, which is not there"


@pytest.mark.parametrize(("setting", "kind"), [("model_name", "models"), ("dataset", "datasets")])
def test_the_settings_of_models_and_data_sets_lead_to_the_list_of_all(setting: str, kind: str) -> None:
    """A list by hand would lack the next one."""
    page, params = (ROOT / "docs" / "settings.md").read_text(), (ROOT / "params.yaml").read_text()
    (row,) = re.findall(rf"^\| `{setting}` \| `[^|]*` \|(.*)\|$", page, flags=re.MULTILINE)
    (comment,) = re.findall(rf"^{setting}: .* # (.*)$", params, flags=re.MULTILINE)
    for text in (row, comment):
        assert f"`python -m pipeline list {kind}`" in text
        assert not [name for name in (*ARCHITECTURES, *DATASETS) if re.search(rf"\b{re.escape(name)}\b", text)]


def test_what_pages_link_to_is_there_and_every_figure_is_shown() -> None:
    linked = set()
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            path = (page.parent / target).resolve()
            assert path.exists(), f"{page.name} links to {target}"
            linked.add(path)
    shown = {path.with_suffix("") for path in linked}  # beside a PNG its SVG may lie
    assert {path.with_suffix("") for path in (ROOT / "docs" / "figures").rglob("*.*")} <= shown


def test_mlproject_declares_no_parameter() -> None:
    project = yaml.safe_load((ROOT / "MLproject").read_text())
    assert set(project["entry_points"]) == {"main", "sweep", "prepare", "train", "aggregate", "compare"}
    assert all(set(entry) == {"command"} for entry in project["entry_points"].values())
