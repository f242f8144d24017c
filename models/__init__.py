"""Architectures and their layer groups. A model is one file in this folder: every module here is imported."""

from importlib import import_module
from pkgutil import iter_modules

from models.registry import ARCHITECTURES, Architecture, register

__all__ = ["ARCHITECTURES", "Architecture", "register"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
