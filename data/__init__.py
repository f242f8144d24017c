"""Data sets, prepared on disk and loaded in batches. To add one, add a file here: every module is imported."""

from importlib import import_module
from pkgutil import iter_modules

from data.datasets import DATASETS, DataError, DataSet, register

__all__ = ["DATASETS", "DataError", "DataSet", "register"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
