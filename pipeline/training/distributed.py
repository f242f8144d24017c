"""The devices that train a seed: one, or several that share every batch."""

import os
import socket
import sys
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed import ProcessGroup
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.nn.parallel import DistributedDataParallel

from pipeline.training.streams import stream_seed

TIMEOUT = timedelta(minutes=30)  # longer than the first process may write between two epochs, or kernels are compiled
Batch = tuple[Tensor, Tensor]


class OneDevice:
    """Takes every batch whole."""

    def wrap(self, model: nn.Module) -> nn.Module:
        """Return the network that the training images go through."""
        return model

    def begin(self, epoch: int) -> None:
        """Get ready for an epoch."""

    def shards(self, batches: Iterable[Batch]) -> Iterable[Batch]:
        """Return this device's part of every batch."""
        return batches

    def total(self, values: Tensor) -> Tensor:
        """Return the sums over all devices of float64 values, a row a step of the pass that ends."""
        return values

    def copy_buffers(self, model: nn.Module) -> None:
        """Give every device the buffers of the first one: the statistics of BatchNorm."""

    def broadcast(self, state: Any) -> Any:
        """Return the state of the first device."""
        return state


class SeveralDevices:
    """One of several processes, each with a device of its own, that draw the same batches and take a part of each.

    `rank` counts the devices from 0. All processes create one at the same time, and find each other by the file
    `store`, which does not exist yet. On CUDA they use NCCL and one BatchNorm over all, elsewhere gloo and a BatchNorm
    each.
    """

    def __init__(self, *, rank: int, count: int, cuda: bool, seed: int, store: Path) -> None:
        self.rank, self.count, self.cuda, self.seed = rank, count, cuda, seed
        self._weight = 1.0  # of the mean over this device's part of a batch in the mean over the batch
        self._copies: list[int] = []  # by step: how many devices have the same images
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
        """Return a network that averages the gradients over the batch; it begins with the first device's parameters.

        A graph that is the same in every step may have parameters without a gradient, at no cost.
        """
        if self.cuda:
            nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]  # in place, all but the root
        wrapped = DistributedDataParallel(model, static_graph=True, forward_sync_buffers=False)  # see copy_buffers
        wrapped.register_comm_hook(dist.group.WORLD, self._average)
        return wrapped

    def _average(self, group: ProcessGroup, bucket: dist.GradBucket) -> torch.futures.Future[Tensor]:  # type: ignore[name-defined]  # torch's stub lacks it
        """Weigh the gradients of this device's part, then average over the devices."""
        bucket.buffer().mul_(self._weight * self.count)
        return allreduce_hook(group, bucket)

    def begin(self, epoch: int) -> None:
        """Have every device draw a dropout of its own. The first one's generators are in the checkpoints."""
        if self.rank:
            torch.manual_seed(stream_seed("device", self.seed, self.rank, epoch))

    def shards(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield this device's part; of a batch too small for two images each, which BatchNorm needs, all of it."""
        for images, labels in batches:
            if len(labels) < 2 * self.count:
                self._weight = 1 / self.count
                self._copies.append(self.count)
                yield images, labels
            else:
                part, its_labels = (whole.tensor_split(self.count)[self.rank] for whole in (images, labels))
                self._weight = len(its_labels) / len(labels)
                self._copies.append(1)
                yield part, its_labels

    def total(self, values: Tensor) -> Tensor:
        total = values / torch.tensor(self._copies, dtype=values.dtype, device=values.device).unsqueeze(1)
        self._copies.clear()
        dist.all_reduce(total)
        return total

    def copy_buffers(self, model: nn.Module) -> None:
        for buffer in model.buffers():
            sent = buffer.contiguous()
            dist.broadcast(sent, 0)
            buffer.copy_(sent)

    def broadcast(self, state: Any) -> Any:
        sent = [state]
        dist.broadcast_object_list(sent, 0)
        return sent[0]


def leave() -> None:
    """Leave the group of processes that SeveralDevices has joined, if any."""
    if dist.is_initialized():
        dist.destroy_process_group()


def _loopback() -> str:
    """Return the name of the network of this machine alone: what processes say to each other is not for others."""
    return next(name for _number, name in socket.if_nameindex() if name.startswith("lo"))


Devices = OneDevice | SeveralDevices
ONE_DEVICE = OneDevice()
