"""How much of its way a layer still has before it, once its end is known (in the spirit of Chen et al., ICLR 2023)."""

import math

from .layers import Weights


def remaining_distance(weights: Weights, start: Weights, end: Weights) -> dict[str, float]:
    """Return ||w - w_end|| / ||w_start - w_end|| of each layer of `start`, in float64: 1 at the start, 0 at the end.

    NaN where the layer ended where it started.
    """
    distances = {}
    for layer, first in start.items():
        last = end[layer].double().to(first.device)
        way, left = ((tensor.double() - last).norm().item() for tensor in (first, weights[layer].to(first.device)))
        distances[layer] = left / way if way > 0 else math.nan
    return distances
