"""The device that trains a seed, or the several that share every batch of it, as the training loop sees them."""

import os
import socket
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pipeline.training.streams import stream_seed

TIMEOUT = timedelta(minutes=30)  # longer than the first process may write between two epochs, or kernels are compiled


class Share(NamedTuple):
    """The images of a batch of `size` images that one device takes; `copies` devices take the same ones."""

    images: Tensor
    labels: Tensor
    size: int
    copies: int = 1

    @property
    def weight(self) -> float:
        """What its mean counts for in the mean over the batch."""
        return len(self.labels) / (self.size * self.copies)


class OneDevice:
    """Takes every batch whole."""

    def wrap(self, model: nn.Module) -> nn.Module:
        """Return what the training images go through."""
        return model

    def begin(self, epoch: int) -> None:
        """Make ready for an epoch."""

    def share(self, images: Tensor, labels: Tensor) -> Share:
        return Share(images, labels, len(labels))

    def backward(self, loss: Tensor, _weight: float) -> None:
        """Compute the gradients of the mean loss over the batch, given that of the share."""
        loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no types

    def sum(self, values: Tensor, _counts: list[tuple[float, float]]) -> Tensor:
        """Return the sums over all devices of values that count so much each."""
        return values

    def copy_buffers(self, model: nn.Module) -> None:
        """Give every device the buffers of the first one: the statistics of BatchNorm."""

    def agree(self, state: Any) -> Any:
        """Return what the first device was called with."""
        return state


class SeveralDevices:
    """One of several processes, each with a device of its own, that draw the same batches and take a part of each.

    `rank` counts the devices from 0. All processes make one at the same time, and find each other by a file that is not
    there yet. On CUDA they use NCCL and one BatchNorm over all, elsewhere gloo and a BatchNorm each.
    """

    def __init__(self, *, rank: int, count: int, cuda: bool, seed: int, store: Path) -> None:
        self.rank, self.count, self.cuda, self.seed = rank, count, cuda, seed
        os.environ.setdefault("GLOO_SOCKET_IFNAME", _loopback())
        hook = sys.excepthook
        dist.init_process_group(
            "nccl" if cuda else "gloo",
            store=dist.FileStore(str(store), count),  # type: ignore[attr-defined]  # it has it
            rank=rank,
            world_size=count,
            timeout=TIMEOUT,
            device_id=torch.device("cuda", rank) if cuda else None,
        )
        sys.excepthook = hook  # torch's would print every later traceback twice

    def wrap(self, model: nn.Module) -> nn.Module:
        """Return what averages the gradients over the devices; the model begins with the first one's parameters.

        A graph that is the same in every step may have parameters without a gradient, at no cost.
        """
        if self.cuda:
            nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]  # in place, all but the root
        return DistributedDataParallel(model, static_graph=True, forward_sync_buffers=False)  # see copy_buffers

    def begin(self, epoch: int) -> None:
        """Have every device draw a dropout of its own. The first one's generators are in the checkpoints."""
        if self.rank:
            torch.manual_seed(stream_seed("device", self.seed, self.rank, epoch))

    def share(self, images: Tensor, labels: Tensor) -> Share:
        """Return this device's part; of a batch too small for two images each, which BatchNorm needs, all of it."""
        size = len(labels)
        if size < 2 * self.count:
            return Share(images, labels, size, copies=self.count)
        return Share(images.tensor_split(self.count)[self.rank], labels.tensor_split(self.count)[self.rank], size)

    def backward(self, loss: Tensor, weight: float) -> None:
        """Weigh the loss so that the mean of all devices' gradients is the gradient of the batch's mean loss."""
        (loss * (weight * self.count)).backward()  # type: ignore[no-untyped-call]  # torch gives it no types

    def sum(self, values: Tensor, counts: list[tuple[float, float]]) -> Tensor:
        total = values.double() * torch.tensor(counts, dtype=torch.float64, device=values.device)
        dist.all_reduce(total)
        return total

    def copy_buffers(self, model: nn.Module) -> None:
        for buffer in model.buffers():
            sent = buffer.contiguous()
            dist.broadcast(sent, 0)
            buffer.copy_(sent)

    def agree(self, state: Any) -> Any:
        agreed = [state]
        dist.broadcast_object_list(agreed, 0)
        return agreed[0]


def leave() -> None:
    """Leave the group of processes that SeveralDevices has joined, if any."""
    if dist.is_initialized():
        dist.destroy_process_group()


def _loopback() -> str:
    """Return the name of the network of this machine alone: what processes say to each other is not for others."""
    return next(name for _number, name in socket.if_nameindex() if name.startswith("lo"))


Devices = OneDevice | SeveralDevices
ALONE = OneDevice()
