"""The names of networks, registered and torchvision's, read from their files: importing these would import torch."""

import ast
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import NamedTuple

from models.architectures import ARCHITECTURES, Architecture

TORCHVISION_PREFIX = "torchvision:"
FOLDER = Path(__file__).parent
REGISTER = "register"


class Known(NamedTuple):
    """Whether a network has ImageNet weights, and takes images of any size."""

    has_weights: bool
    any_size: bool


def registered() -> dict[str, Known]:
    """Return what is known of every registered network, by name."""
    found = {name: known for names in _names_by_file().values() for name, known in names.items()}
    return found | {name: known_of(architecture) for name, architecture in ARCHITECTURES.items()}


@cache
def torchvision_models() -> list[str]:
    """Return the names of all classification models of torchvision, which its files register."""
    (package,) = getattr(find_spec("torchvision"), "submodule_search_locations", None) or ("",)
    files = sorted(Path(package, "models").glob("*.py"))
    return sorted(name for file in files for name in _torchvision_names(ast.parse(file.read_bytes(), file)))


def _torchvision_names(tree: ast.Module) -> Iterator[str]:
    """Yield the name of each function under `@register_model()`, or the one that it gives."""
    for function in [statement for statement in tree.body if isinstance(statement, ast.FunctionDef)]:
        for decorator in function.decorator_list:
            match decorator:
                case ast.Call(func=ast.Name(id="register_model"), args=arguments, keywords=keywords):
                    given = [*arguments, *(keyword.value for keyword in keywords)]
                    yield str(ast.literal_eval(given[0])) if given else function.name


def known_of(architecture: Architecture) -> Known:
    return Known(architecture.imagenet is not None, architecture.any_size)


def import_registered() -> dict[str, Architecture]:
    """Import every file here that registers a network, and return the registry."""
    for file in _names_by_file():
        import_module(f"{__package__}.{file}")
    return ARCHITECTURES


@cache
def _names_by_file() -> dict[str, dict[str, Known]]:
    """Return the networks of each file that registers any; a folder, or a file that computes names, is imported."""
    found = {}
    for module in iter_modules([str(FOLDER)]):
        path = FOLDER / module.name / "__init__.py" if module.ispkg else FOLDER / f"{module.name}.py"
        tree = ast.parse(path.read_bytes(), path)
        names, uses = dict(_decorators(tree)), _uses(tree)
        if module.ispkg or uses:
            found[module.name] = names
        if module.ispkg or len(names) < uses:
            import_module(f"{__package__}.{module.name}")
    return found


def _decorators(tree: ast.Module) -> Iterator[tuple[str, Known]]:
    """Yield the name of each `@register("name", ...)` of a file, and what else it says."""
    for statement in tree.body:
        for decorator in getattr(statement, "decorator_list", []):
            match decorator:
                case ast.Call(func=ast.Name(id="register"), args=[ast.Constant(value=str(name))], keywords=keywords):
                    said = {keyword.arg: ast.unparse(keyword.value) for keyword in keywords}
                    yield name, Known(said.get("imagenet", "None") != "None", said.get("any_size") == "True")


def _uses(tree: ast.Module) -> int:
    """Return how often a file uses `register`, under another name too."""
    return sum(
        (isinstance(node, ast.Name) and node.id == REGISTER)
        or (isinstance(node, ast.Attribute) and node.attr == REGISTER)
        or (isinstance(node, ast.alias) and node.name == REGISTER and node.asname is not None)
        for node in ast.walk(tree)
    )
