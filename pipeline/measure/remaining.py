"""Remaining distance of each layer to its final weights (in the spirit of Chen et al., ICLR 2023)."""

import math

from .weights import Weights

REMAINING_FORMULAS = {"remaining_distance": "||weights - final|| / ||initial - final||"}


def remaining_distance(weights: Weights, initial: Weights, final: Weights) -> dict[str, float]:
    """Return ||weights - final|| / ||initial - final|| of each layer of `initial`, computed in float64.

    It is 1 for the initial weights and 0 for the final ones; NaN if these are equal.
    """
    distances = {}
    for layer, first in initial.items():
        last = final[layer].double().to(first.device)
        whole, left = ((tensor.double() - last).norm().item() for tensor in (first, weights[layer].to(first.device)))
        distances[layer] = left / whole if whole > 0 else math.nan
    return distances
