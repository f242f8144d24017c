"""Batches of a prepared data set on the training device: shuffled, augmented and normalised as whole batches."""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from data.augment import crop_and_flip
from data.prepared import Prepared
from data.registry import DataError

EVALUATION_BATCH = 512


class Loader:
    """Yields images, float32, N x channels x 32 x 32 in channels-last memory, and labels, int64, N.

    With a generator the order is shuffled and, where the data set asks for it, the images are augmented.
    """

    def __init__(
        self, images: Tensor, labels: Tensor, prepared: Prepared, *, batch_size: int, generator: Generator | None = None
    ) -> None:
        self.images, self.labels = images, labels
        self.batch_size, self.generator = batch_size, generator
        self.padding, self.flip = prepared.padding, prepared.flip
        self.mean = torch.tensor(prepared.manifest.mean, device=images.device) * 255
        self.std = torch.tensor(prepared.manifest.std, device=images.device) * 255

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = None
        if self.generator:
            order = torch.randperm(len(self.images), generator=self.generator, device=self.images.device)
        for start in range(0, len(self.images), self.batch_size):
            chosen = slice(start, start + self.batch_size) if order is None else order[start : start + self.batch_size]
            images = self.images[chosen]
            if self.generator:
                images = crop_and_flip(images, padding=self.padding, flip=self.flip, generator=self.generator)
            yield self._normalise(images), self.labels[chosen].long()

    def _normalise(self, images: Tensor) -> Tensor:
        return images.float().sub_(self.mean).div_(self.std).permute(0, 3, 1, 2)


def held_out_images(val_split: float, count: int) -> int:
    """Return how many of the training images `val_split` holds out; raise DataError where none is left to train on."""
    held_out = max(1, round(val_split * count)) if val_split else 0
    if held_out >= count:
        raise DataError(f"val_split={val_split} leaves none of {count} images to train on: take a smaller share")
    return held_out


def load(prepared: Prepared, *, batch_size: int, val_split: float, generator: Generator) -> dict[str, Loader]:
    """Return the loaders `train`, `val` (where `val_split`, a share of the training images, is not 0) and `test`.

    The held-out images, the order and the augmentation are drawn from the generator, on whose device the images are.
    """
    device = generator.device
    x_train, y_train = prepared.x_train.to(device), prepared.y_train.to(device)
    parts = {}
    if val_split:
        order = torch.randperm(len(x_train), generator=generator, device=device)
        held_out = held_out_images(val_split, len(x_train))
        chosen, kept = order[:held_out], order[held_out:]
        parts["val"] = Loader(x_train[chosen], y_train[chosen], prepared, batch_size=EVALUATION_BATCH)
        x_train, y_train = x_train[kept], y_train[kept]
    parts["train"] = Loader(x_train, y_train, prepared, batch_size=batch_size, generator=generator)
    x_test, y_test = prepared.x_test.to(device), prepared.y_test.to(device)
    parts["test"] = Loader(x_test, y_test, prepared, batch_size=EVALUATION_BATCH)
    return parts
