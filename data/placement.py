"""Placement of images during training: on the training device, or streamed from the host if they do not fit."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

KEPT_FREE = 0.5  # fraction of a GPU's free memory kept for weights, activations and the allocator

Batch = tuple[Tensor, Tensor]


def fits(tensors: Iterable[Tensor], device: torch.device) -> bool:
    """Return whether the tensors fit on the device beside a model that is trained there."""
    if device.type != "cuda":
        return True
    free, _total = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # cached by the allocator
    return sum(tensor.nbytes for tensor in tensors) <= (1 - KEPT_FREE) * free


class Stream:
    """Copies batches from the host to a device on a separate CUDA stream, in parallel with the training."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.copies = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]  # untyped in torch

    def __call__(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield the batches on the device; the copy of the next batch starts before a batch is yielded."""
        sent = None
        for batch in batches:
            received = self._receive(sent) if sent else None
            sent = self._send(batch)
            if received:
                yield received
        if sent:
            yield self._receive(sent)

    def _send(self, batch: Batch) -> Batch:
        if not self.copies:
            return batch
        with torch.cuda.stream(self.copies):
            images, labels = (tensor.pin_memory().to(self.device, non_blocking=True) for tensor in batch)
        return images, labels

    def _receive(self, batch: Batch) -> Batch:
        if self.copies:
            training = torch.cuda.current_stream(self.device)
            training.wait_stream(self.copies)  # the device waits, not the host
            for tensor in batch:
                tensor.record_stream(training)  # else a later copy could overwrite this memory while it is in use
        return batch
