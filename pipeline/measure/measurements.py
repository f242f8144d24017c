"""The registries: measurements by name, and their parts, which are sums over blocks or functions of a whole layer."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from inspect import signature
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from .block import Block
from .shards import Split

Registered = TypeVar("Registered")
Sum = Callable[[Block], Tensor]
Compute = Callable[..., Tensor]


class Layer(NamedTuple):
    """A layer's weights before and after an epoch, float32 or float64: this process's part, and the whole's shape."""

    before: Tensor
    after: Tensor
    shape: torch.Size
    split: Split


Whole = Callable[[Layer], Tensor]


class Measurement(NamedTuple):
    """`compute` maps its parts (float64, one element a layer, by name) to values; people read the `formula`."""

    compute: Compute
    formula: str


SUMS: dict[str, Sum] = {}
SINCE_START: set[str] = set()  # the sums that take the initial weights
TO_LAST: set[str] = set()  # the sums that take the change of the epoch before
WHOLES: dict[str, Whole] = {}
MEASUREMENTS: dict[str, Measurement] = {}


def summed(function: Sum) -> Sum:
    """Register a part by the function's name: it maps each block of a layer to a term of the sum."""
    _register(SUMS, function.__name__, function)
    return function


def summed_since_start(function: Sum) -> Sum:
    """Register a sum that takes the initial weights, which are kept only for these."""
    SINCE_START.add(function.__name__)
    return summed(function)


def summed_with_last(function: Sum) -> Sum:
    """Register a sum that takes the change of the epoch before, which is kept only for these."""
    TO_LAST.add(function.__name__)
    return summed(function)


def whole(function: Whole) -> Whole:
    """Register a part by the function's name: it maps a layer to a 0-d tensor."""
    _register(WHOLES, function.__name__, function)
    return function


def measurement(name: str, formula: str) -> Callable[[Compute], Compute]:
    """Register the function below as a measurement; its parameters name the parts that it takes."""

    def decorate(function: Compute) -> Compute:
        _register(MEASUREMENTS, name, Measurement(function, formula))
        return function

    return decorate


def parts_of(name: str) -> tuple[str, ...]:
    """Return the names of the sums and wholes that a measurement takes."""
    return tuple(signature(MEASUREMENTS[name].compute).parameters)


def names_of(measurements: Iterable[str] | None) -> tuple[str, ...]:
    """Return the names of measurements, checked; by default those made of sums. ValueError for an unknown one, or none.

    The others take a layer as a whole: its median, or eigenvalues, which for 4,096 x 4,096 weights take seconds.
    """
    if measurements is None:
        return tuple(name for name in MEASUREMENTS if SUMS.keys() >= {*parts_of(name)})
    names = (measurements,) if isinstance(measurements, str) else tuple(measurements)
    if not names:
        raise ValueError(f"no measurement is named; choose from {', '.join(MEASUREMENTS)}")
    for name in names:
        if name not in MEASUREMENTS:
            close = get_close_matches(name, MEASUREMENTS, n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            raise ValueError(f"unknown measurement {name!r}{hint}; choose from {', '.join(MEASUREMENTS)}")
    return names


def take_initial(measurements: Iterable[str]) -> bool:
    """Return whether any of these measurements compares with the initial weights."""
    return any(not SINCE_START.isdisjoint(parts_of(name)) for name in measurements)


def take_last_change(measurements: Iterable[str]) -> bool:
    """Return whether any of these measurements takes the change of the epoch before."""
    return any(not TO_LAST.isdisjoint(parts_of(name)) for name in measurements)


def _register(registry: dict[str, Registered], name: str, entry: Registered) -> None:
    taken = MEASUREMENTS if registry is MEASUREMENTS else {*SUMS, *WHOLES}
    if name in taken:
        raise ValueError(f"{name} is registered twice")
    registry[name] = entry
