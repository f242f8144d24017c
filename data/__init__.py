"""Data sets, prepared on disk and loaded in batches. To add one, add a file here that calls `register`.

Only such files are imported here: the others import torch, which takes seconds.
"""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from data.datasets import DATASETS, DataError, DataSet, register

__all__ = ["DATASETS", "DataError", "DataSet", "register"]

for _module in iter_modules(__path__):
    if _module.ispkg or b"register" in Path(__path__[0], f"{_module.name}.py").read_bytes():
        import_module(f"{__name__}.{_module.name}")
