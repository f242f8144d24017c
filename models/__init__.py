"""Architectures and their layer groups. A model is one file in this folder: every module here is imported."""

from importlib import import_module
from pkgutil import iter_modules

from models.architectures import ARCHITECTURES, Architecture, ModelError, register
from models.custom import own_architecture
from models.torchvision_models import PREFIX, ZOO, zoo_architecture

__all__ = ["ARCHITECTURES", "PREFIX", "ZOO", "Architecture", "ModelError", "find", "register"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")


def find(name: str) -> Architecture:
    """Return the architecture of a registered name, `torchvision:<name>` or `file.py:factory`; raise ModelError."""
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    return zoo_architecture(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else own_architecture(name)
