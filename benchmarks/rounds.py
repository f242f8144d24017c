"""Variants timed in turns, A B A B, so that a machine that slows down slows all; medians and intervals of ratios."""

import gc
import math
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import bootstrap

Seconds = dict[str, list[float]]
LEAST = 2  # rounds, for an interval


class Ratio(NamedTuple):
    """The median of the ratios of each round, and a 95 % bootstrap interval of that median."""

    median: float
    low: float
    high: float
    rounds: int

    def at_most(self, target: float) -> bool | None:
        """Say whether the whole interval is within a target, or none of it; None where the target lies inside."""
        return None if self.low <= target < self.high else self.high <= target

    def at_least(self, target: float) -> bool | None:
        return None if self.low < target <= self.high else self.low >= target

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.low:.3g} to {self.high:.3g}, {self.rounds} rounds)"


def time_in_turns(
    variants: Mapping[str, Callable[[], object]], rounds: int, *, warm_up: int = 1, budget: float = math.inf
) -> Seconds:
    """Return the seconds of every round of each variant; every other round goes through them in reverse.

    After `budget` seconds no further round begins; two are timed in any case.
    """
    seconds: Seconds = {name: [] for name in variants}
    ends = time.monotonic() + budget
    for number in range(-warm_up, rounds):
        if number >= LEAST and time.monotonic() > ends:
            break
        order = list(variants) if number % 2 == 0 else list(reversed(variants))
        for name in order:
            gc.collect()
            started = time.perf_counter()
            variants[name]()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if number >= 0:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def ratio(numerators: list[float], denominators: list[float]) -> Ratio:
    """Return the ratio of paired times."""
    ratios = np.array(numerators) / np.array(denominators)
    interval = bootstrap((ratios,), np.median, method="percentile", rng=np.random.default_rng(0)).confidence_interval
    return Ratio(float(np.median(ratios)), float(interval.low), float(interval.high), len(ratios))
