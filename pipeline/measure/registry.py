"""The measurements by name, and the sums over a layer's weights that they are made of."""

from collections.abc import Callable
from inspect import signature

from torch import Tensor

from pipeline.measure.block import Block

Sum = Callable[[Block], Tensor]
Measurement = Callable[..., Tensor]

SUMS: dict[str, Sum] = {}
MEASUREMENTS: dict[str, Measurement] = {}


def summed(function: Sum) -> Sum:
    """Register the function below, by its own name: from a block of a layer's weights to its part of a sum."""
    _add(SUMS, function.__name__, function)
    return function


def measurement(name: str) -> Callable[[Measurement], Measurement]:
    """Register the function below: its parameters are sums, float64, an element a layer, and so is its result."""

    def decorate(function: Measurement) -> Measurement:
        _add(MEASUREMENTS, name, function)
        return function

    return decorate


def sums_of(name: str) -> tuple[str, ...]:
    """Return the names of the sums that a measurement takes."""
    return tuple(signature(MEASUREMENTS[name]).parameters)


def _add(registry: dict[str, Callable[..., Tensor]], name: str, function: Callable[..., Tensor]) -> None:
    if name in registry:
        raise ValueError(f"{name} is registered twice")
    registry[name] = function
