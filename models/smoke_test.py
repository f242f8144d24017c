"""Smoke test of a network that is not registered: one batch forward and back, before anything is trained."""

import re
from collections.abc import Callable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import UninitializedParameter
from torch.nn.functional import cross_entropy

from models.architectures import Architecture, ModelError, first_line

CHANGE = "change it, or name another one"
ONE_IMAGE = "an epoch's last batch has one image, so try another batch_size, or another network"
NAME = re.compile(r"[\w.\- ]+")  # allowed by MLflow in the key of a metric


def run_smoke_test(architecture: Architecture, *, channels: int, classes: int, images: int) -> None:
    """Build the network and run a batch of random images in evaluation and training mode; raise ModelError.

    `images` is the size of the smallest batch of the training. The random generators are left unchanged.
    """
    with torch.random.fork_rng(devices=[]):  # all computation is on the CPU
        network = _attempt(
            architecture, "be built", lambda: architecture.build(input_channels=channels, num_classes=classes)
        )
        _check_layers(architecture, network)
        batch = torch.randn(images, channels, 32, 32)
        where = f"take batches of {images} x {channels} x 32 x 32"
        for mode in (False, True):  # training last: its logits give the gradient
            network.train(mode)
            logits = _attempt(architecture, where, partial(network, batch), ONE_IMAGE if images == 1 else CHANGE)
            if not isinstance(logits, Tensor) or logits.shape != (images, classes):
                got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
                raise ModelError(
                    f"{architecture.name} must return logits, images x classes, here {(images, classes)}; "
                    f"in {'training' if mode else 'evaluation'} it returned {got}"
                )
        labels = torch.zeros(images, dtype=torch.long)
        _attempt(architecture, "be trained", lambda: cross_entropy(logits, labels).backward())  # type: ignore[no-untyped-call]


def _attempt(architecture: Architecture, what: str, call: Callable[[], Any], remedy: str = CHANGE) -> Any:
    try:
        return call()
    except Exception as error:  # the code may raise anything
        raise ModelError(f"{architecture.name} cannot {what} ({first_line(error)}): {remedy}") from error


def _check_layers(architecture: Architecture, network: nn.Module) -> None:
    """Raise ModelError if a layer cannot be measured or named in MLflow, or if a group matches no layer."""
    parameters = dict(network.named_parameters())
    if lazy := [name for name, parameter in parameters.items() if isinstance(parameter, UninitializedParameter)]:
        raise ModelError(f"{architecture.name}: {lazy[0]} has no size before the first batch: give it one")
    layers = [name.removesuffix(".weight") for name, parameter in parameters.items() if parameter.ndim >= 2]
    if not layers:
        raise ModelError(f"{architecture.name} has no layer to measure: no weight has two or more dimensions")
    for name in (*layers, *architecture.groups):
        if not NAME.fullmatch(name):
            raise ModelError(f"{architecture.name}: {name!r} may have letters, digits, '_', '-', '.' and spaces only")
    for group, patterns in architecture.groups.items():
        for pattern in patterns:
            if not any(fnmatchcase(layer, pattern) for layer in layers):
                near = get_close_matches(pattern, layers, n=1)
                hint = f" (did you mean {near[0]}?)" if near else f"; the layers are {', '.join(layers)}"
                raise ModelError(f"{architecture.name}: {pattern!r} in the group {group!r} matches no layer{hint}")
