"""Architectures and their layer groups. To add a model, add a file to this folder: every module here is imported."""

from importlib import import_module
from pkgutil import iter_modules

from models.architectures import ARCHITECTURES, Architecture, ModelError, register
from models.custom import custom_architecture
from models.torchvision_models import TORCHVISION_PREFIX, torchvision_architecture

__all__ = ["ARCHITECTURES", "Architecture", "ModelError", "find", "register"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")


def find(name: str) -> Architecture:
    """Return the architecture of a registered name, `torchvision:<name>` or `file.py:factory`; raise ModelError."""
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    if name.startswith(TORCHVISION_PREFIX):
        return torchvision_architecture(name.removeprefix(TORCHVISION_PREFIX))
    return custom_architecture(name)
