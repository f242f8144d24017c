"""The measurements by name, and what they are made of: sums over a layer's weights, or what needs all of them."""

from collections.abc import Callable
from inspect import signature

from torch import Tensor

from .block import Block

Sum = Callable[[Block], Tensor]
Whole = Callable[[Tensor, Tensor], Tensor]
Measurement = Callable[..., Tensor]

SUMS: dict[str, Sum] = {}
WHOLES: dict[str, Whole] = {}
MEASUREMENTS: dict[str, Measurement] = {}


def summed(function: Sum) -> Sum:
    """Register the function below, by its own name: from a block of a layer's weights to its part of a sum."""
    _add(SUMS, function.__name__, function)
    return function


def whole(function: Whole) -> Whole:
    """Register the function below, by its own name: from all weights of a layer, before and after, to a number."""
    if function.__name__ in SUMS:
        raise ValueError(f"{function.__name__} is registered twice")
    _add(WHOLES, function.__name__, function)
    return function


def measurement(name: str) -> Callable[[Measurement], Measurement]:
    """Register the function below: its parameters are those by name, float64, an element a layer; so is its result."""

    def decorate(function: Measurement) -> Measurement:
        _add(MEASUREMENTS, name, function)
        return function

    return decorate


def parts_of(name: str) -> tuple[str, ...]:
    """Return the names of the sums and wholes that a measurement takes."""
    return tuple(signature(MEASUREMENTS[name]).parameters)


def _add(registry: dict[str, Callable[..., Tensor]], name: str, function: Callable[..., Tensor]) -> None:
    if name in registry:
        raise ValueError(f"{name} is registered twice")
    registry[name] = function
