"""Batches of a prepared data set on the training device, shuffled, augmented and normalised."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Generator, Tensor

from data.augment import crop_and_flip
from data.datasets import DataError
from data.moments import Moments, moments_of
from data.placement import Batch, Stream, fits
from data.prepared import Prepared

EVALUATION_BATCH = 512  # at most: as large as the batches of training, which need more memory


class Loader:
    """Yields images, float32, N x channels x height x width in a memory format, and labels, int64, N, on a device.

    With a generator, which is on that device, the order is shuffled and the images are augmented as the data set
    specifies; all images are normalised by `moments`. Of the images, those at the positions `chosen` count, or all,
    without a copy, as they may be larger than the memory. The batches are the same whether the images are `resident` on
    the device or streamed to it.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        prepared: Prepared,
        *,
        moments: Moments,
        batch_size: int,
        device: torch.device,
        resident: bool,
        memory_format: torch.memory_format = torch.channels_last,
        chosen: Tensor | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.images, self.labels = (images.to(device), labels.to(device)) if resident else (images, labels)
        self.chosen = None if chosen is None else chosen.to(self.images.device)
        self.count = len(images) if chosen is None else len(chosen)
        self.batch_size, self.device, self.generator = batch_size, device, generator
        self.memory_format = memory_format
        self.stream = None if resident else Stream(device)
        self.padding, self.flip, self.moments = prepared.padding, prepared.flip, moments
        # as large as an image: broadcasting three numbers over the pixels is many times slower on a CPU
        height, width, _channels = images.shape[1:]
        self.mean = (torch.tensor(moments.mean, device=device) * 255).repeat(height * width)
        self.std = (torch.tensor(moments.std, device=device) * 255).repeat(height * width)

    def __len__(self) -> int:
        return -(-self.count // self.batch_size)

    @property
    def whole_batches(self) -> int:
        """The number of batches with `batch_size` images: all, or all but the last."""
        return self.count // self.batch_size

    def __iter__(self) -> Iterator[Batch]:
        order = None
        if self.generator:
            order = torch.randperm(self.count, generator=self.generator, device=self.device)
        batches = self._stored(order)
        for images, labels in self.stream(batches) if self.stream else batches:
            if self.generator:
                images = crop_and_flip(images, padding=self.padding, flip=self.flip, generator=self.generator)
            yield self._normalise(images), labels.long()

    def _stored(self, order: Tensor | None) -> Iterator[Batch]:
        """Yield images, uint8, N x height x width x channels, and labels, uint8, on the device that stores them."""
        if order is not None:
            order = order.to(self.images.device)  # the only wait for the device in an epoch of streamed images
        if self.chosen is not None:
            order = self.chosen if order is None else self.chosen[order]
        for first in range(0, self.count, self.batch_size):
            batch = slice(first, first + self.batch_size)
            if order is None:
                yield self.images[batch], self.labels[batch]
            else:
                yield self.images.index_select(0, order[batch]), self.labels.index_select(0, order[batch])

    def _normalise(self, images: Tensor) -> Tensor:
        normalised = images.flatten(1).float().sub_(self.mean).div_(self.std)
        return channels_second(normalised.view(images.shape), self.memory_format)


def channels_second(images: Tensor, memory_format: torch.memory_format) -> Tensor:
    """Return images, N x H x W x channels, as N x channels x H x W: in channels-last memory without a copy.

    The copy of images of one channel has the strides of its format; `contiguous` would leave those it finds.
    """
    turned = images.permute(0, 3, 1, 2)
    return turned if memory_format == torch.channels_last else turned.clone(memory_format=memory_format)


def held_out_images(val_split: float, count: int) -> int:
    """Return how many of `count` images `val_split` holds out; raise DataError if none is left to train on."""
    held_out = max(1, round(val_split * count)) if val_split else 0
    if held_out >= count:
        raise DataError(f"val_split={val_split} leaves none of {count} images to train on: use a smaller fraction")
    return held_out


def load(
    prepared: Prepared,
    *,
    batch_size: int,
    val_split: float,
    generator: Generator,
    memory_format: torch.memory_format = torch.channels_last,
) -> dict[str, Loader]:
    """Return the loaders `train`, `val` (if `val_split`, a fraction of the training images, is not 0) and `test`.

    The held-out images, the order and the augmentation are drawn from the generator, and the batches are on its device.
    All parts are normalised by the moments of the images in `train`.
    """
    device = generator.device
    train, test = (prepared.x_train, prepared.y_train), (prepared.x_test, prepared.y_test)
    resident = fits((*train, *test), device)
    if resident:
        train = (train[0].to(device), train[1].to(device))  # once, for both of its parts
    chosen: dict[str, Tensor | None] = {"train": None}
    trained_on = prepared.manifest.moments
    if val_split:
        order = torch.randperm(len(prepared.x_train), generator=generator, device=device).cpu()
        held_out = held_out_images(val_split, len(order))
        chosen = {"val": order[:held_out], "train": order[held_out:]}
        trained_on = moments_of(prepared.x_train.numpy(), order[held_out:].numpy())
    loader = partial(
        Loader,
        prepared=prepared,
        moments=trained_on,
        device=device,
        resident=resident,
        memory_format=memory_format,
    )
    evaluated = partial(loader, batch_size=min(batch_size, EVALUATION_BATCH))
    held = {"val": evaluated(*train, chosen=chosen["val"])} if "val" in chosen else {}
    return held | {
        "test": evaluated(*test),
        "train": loader(*train, batch_size=batch_size, chosen=chosen["train"], generator=generator),
    }
