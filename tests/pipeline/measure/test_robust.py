"""The median of relative changes and the shape factor: by hand, and for the three shapes of weights."""

import math

import pytest
import torch

from pipeline.measure.layers import measure_layers
from pipeline.measure.robust import SAMPLE

NAMES = ("rwc", "rwc_elementwise", "rwc_median", "shape_factor")


def measured(before: torch.Tensor, after: torch.Tensor) -> dict[str, float]:
    values = measure_layers({"a": before}, {"a": after}, NAMES)
    return dict(zip(NAMES, values[:, 0].tolist(), strict=True))


def test_median_and_shape_factor_by_hand_without_the_zeros() -> None:
    found = measured(torch.tensor([[1.0, 2.0], [0.0, -4.0]]), torch.tensor([[1.5, 2.2], [3.0, -5.0]]))
    assert found["rwc_median"] == pytest.approx(0.25)  # of 0.5, 0.1 and 0.25
    assert found["shape_factor"] == pytest.approx((7 / 3) * (1 + 1 / 2 + 1 / 4) / 3)
    zeros = measured(torch.zeros(2, 2), torch.ones(2, 2))
    assert math.isnan(zeros["rwc_median"])
    assert math.isnan(zeros["shape_factor"])


@pytest.mark.parametrize(
    ("shape", "ratio"),
    [("gaussian", 1.0), ("uniform", 0.92), ("laplace", 1.15)],
)
@pytest.mark.parametrize("size", [300 * 9, 512 * 512 * 9])
def test_median_of_equal_changes_depends_on_shape_and_not_on_size(shape: str, ratio: float, size: int) -> None:
    draws = torch.Generator().manual_seed(0)
    uniform = torch.rand(size, generator=draws) * 2 - 1
    before = {
        "gaussian": torch.randn(size, generator=draws),
        "uniform": uniform,
        "laplace": -uniform.sign() * torch.log1p(-uniform.abs()),
    }[shape].view(-1, 9)
    found = measured(before, before + 0.1 * torch.randn(before.shape, generator=draws))
    assert found["rwc_median"] / found["rwc"] == pytest.approx(ratio, rel=0.07 if size < SAMPLE else 0.04)


def test_elementwise_form_is_rwc_times_the_shape_factor_for_independent_changes() -> None:
    draws = torch.Generator().manual_seed(1)
    before = torch.randn(2000, 100, generator=draws)
    found = measured(before, before + 0.1 * torch.randn(before.shape, generator=draws).sign())
    assert found["rwc_elementwise"] == pytest.approx(found["rwc"] * found["shape_factor"], rel=1e-4)


def test_a_sample_has_its_part_of_every_position_in_a_kernel() -> None:
    """The centres of 3 x 3 kernels change by 9 times as much: 1 of 9 elements, which a stride of 36 would miss."""
    before = torch.ones(1024, 256, 3, 3)
    after = before.clone()
    after[:, :, 1, 1] += 9
    after[:, :, 0] += 1  # 3 of 9, so that the median is that of the others
    assert measured(before, after)["rwc_median"] == 0
    after[:, :, 1, ::2] += 2  # 6 of 9 have changed
    assert measured(before, after)["rwc_median"] == 1


def test_channels_last_weights_have_the_same_median() -> None:
    draws = torch.Generator().manual_seed(2)
    before = torch.randn(40, 30, 3, 3, generator=draws)
    after = before + 0.1 * torch.randn(before.shape, generator=draws)
    last = [each.to(memory_format=torch.channels_last) for each in (before, after)]
    assert measured(*last)["rwc_median"] == measured(before, after)["rwc_median"]
    assert measured(before, last[1])["rwc_median"] == measured(before, after)["rwc_median"]
