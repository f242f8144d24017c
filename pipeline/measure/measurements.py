"""The registries: measurements by name, and their parts, which are sums over blocks or functions of a whole layer."""

from collections.abc import Callable
from inspect import signature
from typing import NamedTuple, TypeVar

from torch import Tensor

from .block import Block

Registered = TypeVar("Registered")
Sum = Callable[[Block], Tensor]
Whole = Callable[[Tensor, Tensor], Tensor]
Compute = Callable[..., Tensor]


class Measurement(NamedTuple):
    """`compute` maps its parts (float64, one element a layer, by name) to values; people read the `formula`."""

    compute: Compute
    formula: str


SUMS: dict[str, Sum] = {}
WHOLES: dict[str, Whole] = {}
MEASUREMENTS: dict[str, Measurement] = {}


def summed(function: Sum) -> Sum:
    """Register a part by the function's name: it maps each block of a layer to a term of the sum."""
    _register(SUMS, function.__name__, function)
    return function


def whole(function: Whole) -> Whole:
    """Register a part by the function's name: it maps a layer's weights before and after to a 0-d tensor."""
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


def _register(registry: dict[str, Registered], name: str, entry: Registered) -> None:
    taken = MEASUREMENTS if registry is MEASUREMENTS else {*SUMS, *WHOLES}
    if name in taken:
        raise ValueError(f"{name} is registered twice")
    registry[name] = entry
