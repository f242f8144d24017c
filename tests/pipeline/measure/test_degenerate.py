"""Degenerate weights give a finite number, or a NaN for which there is a reason."""

import math

import pytest
import torch
from torch import Tensor

from pipeline.analysis.study_tables import UNDEFINED_WHEN
from pipeline.measure.layers import measure_layers
from pipeline.measure.measurements import MEASUREMENTS

ZEROS, ONES, SMALL, LARGE = (torch.full((3, 4), value) for value in (0.0, 1.0, 1e-18, 1e15))
RANDOM = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
CASES = {
    "zeros before": (ZEROS, RANDOM, RANDOM),
    "zeros after": (RANDOM, ZEROS, RANDOM),
    "zeros initially": (RANDOM, RANDOM + 1, ZEROS),
    "zeros throughout": (ZEROS, ZEROS, ZEROS),
    "equal snapshots": (RANDOM, RANDOM, RANDOM),
    "equal weights": (ONES, 2 * ONES, ONES),
    "one element": (ONES[:1, :1], 3 * ONES[:1, :1], -ONES[:1, :1]),
    "turned round": (RANDOM, -RANDOM, RANDOM),
    "small": (SMALL, 2 * SMALL, SMALL),
    "large": (LARGE, 2 * LARGE, LARGE),
}


@pytest.mark.parametrize("name", MEASUREMENTS)
@pytest.mark.parametrize(("before", "after", "initial"), CASES.values(), ids=CASES)
def test_finite_or_explained(name: str, before: Tensor, after: Tensor, initial: Tensor) -> None:
    (value,) = measure_layers({"a": before}, {"a": after}, [name], initial={"a": initial})[0].tolist()
    assert math.isfinite(value) or (math.isnan(value) and name in UNDEFINED_WHEN)
