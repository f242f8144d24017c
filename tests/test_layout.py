"""The floors: `commands > execution > training > tracking > config > (models, data, measure, analysis)`.

`console` and `host` serve all. Imports run down; a new folder, or a module beside `__main__.py`, belongs to no floor.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = ("commands", "execution", "training", "tracking", "config", ("models", "data", "measure", "analysis"))
SERVE_ALL = ("console", "host")
BUILT_ON = {  # the lowest packages know none of ours, and of others these alone
    "models": {"torch", "torchvision"},
    "data": {"torch", "torchvision", "numpy", "sklearn", "filelock"},
    "measure": {"torch"},  # outside functions and adapters
    "analysis": {"numpy", "pandas", "matplotlib", "scipy", "jinja2"},
}
ADAPTERS = {  # each for the loop of a library, and imported by its users only
    "pipeline.measure.lightning": {"lightning", "pytorch_lightning"},
    "pipeline.measure.transformers": {"transformers"},
}
WHEN_CALLED = {
    "measure": {"matplotlib", "pandas"}
}  # what functions import, so that the package needs it for these only
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("models", "data", "pipeline")
    for path in sorted((ROOT / package).rglob("*.py"))
}
ROOTS = ("pipeline", "pipeline.__main__")


def folder(name: str) -> str:
    """Return the folder of a full name, as the floors name it."""
    package, *inside = name.split(".")
    return package if package != "pipeline" else inside[0]


def floor(name: str) -> int:
    """Return how high a folder is; raise AssertionError for one that is on no floor."""
    if name in SERVE_ALL:
        return len(FLOORS)
    for level, folders in enumerate(FLOORS):
        if name == folders or (isinstance(folders, tuple) and name in folders):
            return level
    raise AssertionError(f"{name} is on no floor")


def is_lazy(node: ast.AST) -> bool:
    """Return whether what is in a node is not run when the module is imported."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef)


def nodes(tree: ast.AST, *, lazy: bool) -> Iterator[ast.AST]:
    """Yield what is run when a module is imported; with `lazy`, the rest as well."""
    for node in ast.iter_child_nodes(tree):
        if lazy or not is_lazy(node):
            yield node
            yield from nodes(node, lazy=lazy)


def imports(path: Path, *, lazy: bool = True) -> set[str]:
    """Return what a module imports, by full names; without `lazy`, when it is imported itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    names: set[str] = set()
    for node in nodes(ast.parse(path.read_text()), lazy=lazy):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = parts[: -node.level] if node.level else ()  # `from .block import Block` is of the module's folder
            module = ".".join((*above, *filter(None, [node.module])))
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def libraries(module: str, *, lazy: bool = True) -> set[str]:
    """Return the packages of others that a module imports."""
    found = {name.partition(".")[0] for name in imports(MODULES[module], lazy=lazy) if not is_ours(name)}
    return found - set(sys.stdlib_module_names)


def is_ours(name: str) -> bool:
    return name.partition(".")[0] in ("models", "data", "pipeline")


@pytest.mark.parametrize("module", [module for module in MODULES if module not in ROOTS])
def test_a_module_imports_its_own_folder_and_the_floors_below(module: str) -> None:
    own = folder(module)
    for name in filter(is_ours, imports(MODULES[module])):
        target = folder(name)
        allowed = target == own or floor(own) < floor(target)
        assert allowed or {own, target} == set(SERVE_ALL), f"{module} imports {name}"
        assert own not in BUILT_ON or target == own, f"{module} imports {name}"


@pytest.mark.parametrize("package", BUILT_ON)
def test_the_lowest_packages_are_built_on_few_libraries(package: str) -> None:
    modules = [module for module in MODULES if module not in ROOTS and folder(module) == package]
    used = set[str]().union(*(libraries(module) for module in modules if module not in ADAPTERS))
    at_once = set[str]().union(*(libraries(module, lazy=False) for module in modules if module not in ADAPTERS))
    assert used == BUILT_ON[package] | WHEN_CALLED.get(package, set())
    assert not at_once & WHEN_CALLED.get(package, set())


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_an_adapter_imports_the_library_that_it_is_for(adapter: str) -> None:
    assert libraries(adapter) - {"torch"} == ADAPTERS[adapter]


def test_the_command_line_alone_imports_commands_and_only_when_they_run() -> None:
    line = "pipeline.commands.command_line"
    for module, path in MODULES.items():
        named = {name for name in imports(path) if name.startswith("pipeline.commands")}
        allowed = module == line or (module == "pipeline.__main__" and named == {f"{line}.commands"})
        assert not named or allowed, f"{module} imports {named}"
    assert not [name for name in imports(MODULES[line], lazy=False) if name.startswith("pipeline.commands")]


def test_tracking_alone_imports_mlflow() -> None:
    users = [
        module for module, path in MODULES.items() if any(name.split(".")[0] == "mlflow" for name in imports(path))
    ]
    assert {folder(module) for module in users} == {"tracking"}


def test_no_circles() -> None:
    edges = {
        module: {target for name in imports(path) for target in (name, name.rpartition(".")[0]) if target in MODULES}
        for module, path in MODULES.items()
    }
    packages = {"models", "data", "pipeline"}  # their __init__ imports every module by name
    order = TopologicalSorter({module: found - packages - {module} for module, found in edges.items()})
    assert len(list(order.static_order())) >= len(MODULES)


def test_every_file_name_is_unique() -> None:
    names = Counter(path.name for path in MODULES.values() if path.name != "__init__.py")
    assert [name for name, count in names.items() if count > 1] == []
