"""The measurements by name: functions of the weights of all layers before and after an epoch."""

from collections.abc import Callable

from torch import Tensor

Weights = dict[str, Tensor]
Measurement = Callable[[Weights, Weights], dict[str, float]]

MEASUREMENTS: dict[str, Measurement] = {}


def measurement(name: str) -> Callable[[Measurement], Measurement]:
    """Register the function below: from the weights by layer, before and after, to one number a layer."""

    def decorate(function: Measurement) -> Measurement:
        if name in MEASUREMENTS:
            raise ValueError(f"the measurement {name} is registered twice")
        MEASUREMENTS[name] = function
        return function

    return decorate
