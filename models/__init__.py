"""Architectures and their layer groups. To add a model, add a file to this folder that calls `register`.

Nothing here imports torch, which takes seconds, before a network is used: names are read from the files.
`ARCHITECTURES` has every registered network; their files are imported when it is first used.
"""

from typing import TYPE_CHECKING

from models.architectures import Architecture, ModelError, register
from models.custom import custom_architecture
from models.names import TORCHVISION_PREFIX, import_registered, registered

if TYPE_CHECKING:
    from models.architectures import ARCHITECTURES

__all__ = ["ARCHITECTURES", "Architecture", "ModelError", "find", "register", "registered"]


def __getattr__(name: str) -> object:
    if name == "ARCHITECTURES":
        return import_registered()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def find(name: str) -> Architecture:
    """Return the architecture of a registered name, `torchvision:<name>` or `file.py:factory`; raise ModelError."""
    if name in registered():
        return import_registered()[name]
    if name.startswith(TORCHVISION_PREFIX):
        from models.torchvision_models import torchvision_architecture  # here: it takes as long to import as torch

        return torchvision_architecture(name.removeprefix(TORCHVISION_PREFIX))
    return custom_architecture(name)
