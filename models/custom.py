"""Custom models: networks from a user's file, named `path/to/file.py:factory`."""

import difflib
import inspect
import re
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from models.architectures import Architecture, Factory, ModelError, one_line

SIZED = "image_size"  # the parameter of a factory that is told the size of the images
_NAME = re.compile(r"(.+\.py)(?::(\w*))?")
_SOURCES: dict[Path, str] = {}  # a study uses the code of its beginning, even if the file is edited meanwhile


def is_path(name: str) -> bool:
    """Return whether a model's name is a file and its factory, or a file alone."""
    return bool(_NAME.fullmatch(name))


def custom_architecture(name: str) -> Architecture:
    """Return the architecture of a factory in a file, with its attributes `groups` and `layers`, if any.

    Raise ModelError.

    Like a script, the file may import modules of its folder.
    """
    path, factory_name = _parts(name)
    file = Path(path).absolute()
    source = _SOURCES.get(file) or _read(file)
    _SOURCES[file] = source
    factory = _factory(_module(file, source), factory_name)
    groups = getattr(factory, "groups", {})
    if not _names_layers(groups):
        raise ModelError(f"{name}: groups must be like {{'early': ['conv1'], 'later': ['fc']}}; got {groups!r}")
    named = {group: tuple(layers) for group, layers in groups.items()}
    layers = getattr(factory, "layers", None)
    if isinstance(factory, type) and not _is_list_of_names(layers):  # a network may have a property of that name
        layers = None
    if layers is not None and not _is_list_of_names(layers):
        raise ModelError(f"{name}: layers must be like ['conv*', 'pos_embedding']; got {layers!r}")
    return Architecture(
        name=factory_name,
        factory=factory,
        groups=named,
        layers=layers and tuple(layers),
        source=source,
        takes_size=SIZED in inspect.signature(factory).parameters,
    )


def remember(name: str, source: str) -> None:
    """Use `source` instead of the file of a model: workers use the code of the process that began the study."""
    if source:
        _SOURCES[Path(_parts(name)[0]).absolute()] = source


def _parts(name: str) -> tuple[str, str]:
    match = _NAME.fullmatch(name)
    if match is None:
        raise ModelError(f"{name} is not the name of a network: give path/to/file.py:factory")
    return match[1], match[2] or ""


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{path} cannot be read ({reason}): give path/to/file.py:factory") from None


def _module(path: Path, source: str) -> ModuleType:
    """Return a file as a module; it runs once per process."""
    name = f"custom_{path.stem}_{sha256(f'{path}:{source}'.encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # dataclasses look up the module of a class
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    try:
        exec(compile(source, path, "exec"), module.__dict__)
    except (Exception, SystemExit) as error:  # the code may raise anything
        del sys.modules[name]
        raise ModelError(f"{path} cannot be run ({one_line(error)}): fix it") from error
    return module


def _factory(module: ModuleType, name: str) -> Factory:
    factory = getattr(module, name, None)
    if not callable(factory):
        defined = [key for key, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        near = difflib.get_close_matches(name, defined, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ModelError(
            f"{module.__file__} has no factory {name!r}{hint}: name one of {', '.join(defined) or 'its functions'}, "
            "like path/to/file.py:factory"
        )
    try:
        signature = inspect.signature(factory)
        signature.bind(input_channels=1, num_classes=2, **({SIZED: 32} if SIZED in signature.parameters else {}))
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"{name} must be callable with input_channels and num_classes alone ({error}): change it, or name another"
        ) from None
    made: Factory = factory
    return made


def _names_layers(groups: object) -> bool:
    return isinstance(groups, Mapping) and all(
        isinstance(group, str) and _is_list_of_names(layers) for group, layers in groups.items()
    )


def _is_list_of_names(layers: object) -> bool:
    return isinstance(layers, list | tuple) and all(isinstance(layer, str) for layer in layers)
