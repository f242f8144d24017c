"""Where weights are measured: on their own device, or on the host if that has no float64."""

from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch
from torch import Tensor

from .shards import local_part


def measurable(weight: Tensor) -> Tensor:
    """Return what is measured of a weight: this process's part of it, where it is measured."""
    return local_part(weight).to(measured_on(weight.device))


@cache
def measured_on(device: torch.device) -> torch.device:
    """Return the device, or the host for a device without float64 (Apple's MPS, Intel's Arc)."""
    try:
        torch.zeros(1, dtype=torch.float64, device=device).sum()
    except (TypeError, RuntimeError):
        return torch.device("cpu")
    return device


def without_autocast(device: str) -> AbstractContextManager[object]:
    """Return a context in which a training loop's own autocast does not round what is computed."""
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()
