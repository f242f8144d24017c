"""Images stay on a GPU if half of its free memory remains free; else each batch is copied ahead of its use."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from data.placement import Stream, fits


@pytest.mark.parametrize(("size", "fit"), [(500, True), (501, False)])
def test_images_fit_into_half_of_the_free_memory(size: int, fit: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (900, 5000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: 300)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _device: 200)
    tensors = [torch.zeros(size - 100, dtype=torch.uint8), torch.zeros(25, dtype=torch.float32)]
    assert fits(tensors, torch.device("cuda")) is fit
    assert fits(tensors, torch.device("cpu"))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_next_batch_is_read_before_a_batch_is_used(count: int) -> None:
    events = []

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for number in range(count):
            events.append(f"take {number}")
            yield torch.tensor(number), torch.tensor(number)

    for image, label in Stream(torch.device("cpu"))(batches()):
        assert image == label
        events.append(f"use {int(image)}")
    expected = ["take 0", "take 1", "use 0", "take 2", "use 1", "use 2"]
    assert events == {0: [], 1: ["take 0", "use 0"], 3: expected}[count]
