"""One sweep over all layers, whatever the layout of their memory, and what `keep` leaves in `before`."""

import pytest
import torch
from torch import Tensor

from pipeline.measure.layers import measure_layers


def weights() -> dict[str, Tensor]:
    draws = torch.Generator().manual_seed(0)
    return {"conv": torch.randn(8, 4, 3, 3, generator=draws), "fc": torch.randn(5, 7, generator=draws)}


def changed(before: dict[str, Tensor]) -> dict[str, Tensor]:
    return {layer: weight * 1.25 for layer, weight in before.items()}


def test_values_stay_where_the_weights_are_a_row_a_measurement() -> None:
    values = measure_layers(weights(), changed(weights()), ["rwc", "rwc_elementwise"])
    assert values.dtype == torch.float64
    torch.testing.assert_close(values, torch.full((2, 2), 0.25, dtype=torch.float64), rtol=1e-6, atol=0)


def test_without_keep_nothing_is_changed() -> None:
    before = weights()
    measure_layers(before, changed(before))
    assert all(torch.equal(weight, weights()[layer]) for layer, weight in before.items())


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_keep_leaves_a_copy_of_the_weights_after(layout: torch.memory_format) -> None:
    before = weights()
    after = changed(before)
    after["conv"] = after["conv"].contiguous(memory_format=layout)  # may differ from the layout before
    values = measure_layers(before, after, ["rwc"], keep=True)
    torch.testing.assert_close(values, torch.full((1, 2), 0.25, dtype=torch.float64), rtol=1e-6, atol=0)
    assert all(torch.equal(before[layer], weight) for layer, weight in after.items())
    assert not any(before[layer].data_ptr() == weight.data_ptr() for layer, weight in after.items())


def test_memory_that_is_not_dense() -> None:
    wide = torch.randn(6, 10)
    before, after = {"a": wide[:, ::2]}, {"a": 2 * wide[:, ::2]}
    assert measure_layers(before, after, ["rwc"]).item() == 1


def test_no_layers() -> None:
    assert measure_layers({}, {}).shape[1] == 0
