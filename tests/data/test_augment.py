"""Random crops and flips of a batch, compared with torchvision's image by image for the same draws."""

import pytest
import torch
from torch import Generator, Tensor
from torchvision.transforms.v2 import functional as transforms

from data.augment import crop_and_flip


def batch(count: int, height: int = 6, width: int = 5, channels: int = 3) -> Tensor:
    draws = Generator().manual_seed(1)
    return torch.randint(256, (count, height, width, channels), dtype=torch.uint8, generator=draws)


def one_by_one(images: Tensor, padding: int, flip: bool, generator: Generator) -> Tensor:
    """Pad, crop and flip each image with torchvision, with draws in the order of `crop_and_flip`."""
    count, height, width, _channels = images.shape
    flipped = torch.rand(count, 1, generator=generator) < 0.5 if flip else torch.zeros(count, 1, dtype=torch.bool)
    offsets = torch.zeros(2, count, 1, dtype=torch.int64)
    if padding:
        offsets = torch.randint(2 * padding + 1, (2, count, 1), generator=generator)
    results = []
    for number, image in enumerate(images.permute(0, 3, 1, 2)):
        top, left = (int(offset[number]) for offset in offsets)
        crop = transforms.crop(transforms.pad(image, [padding]), top, left, height, width)
        crop = transforms.horizontal_flip(crop) if flipped[number] else crop
        results.append(crop.permute(1, 2, 0))
    return torch.stack(results)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("padding", "flip"), [(2, True), (4, False), (0, True)])
def test_augmented_images_are_equal_to_torchvision_s(padding: int, flip: bool, channels: int) -> None:
    images = batch(40, channels=channels)
    augmented = crop_and_flip(images, padding=padding, flip=flip, generator=Generator().manual_seed(7))
    assert augmented.dtype == torch.uint8
    assert not torch.equal(augmented, images)
    assert torch.equal(augmented, one_by_one(images, padding, flip, Generator().manual_seed(7)))


def test_without_padding_and_flip_images_and_generator_are_unchanged() -> None:
    images, generator = batch(8), Generator().manual_seed(7)
    before = generator.get_state()
    assert torch.equal(crop_and_flip(images, padding=0, flip=False, generator=generator), batch(8))
    assert torch.equal(generator.get_state(), before)


def test_about_half_of_the_images_are_flipped() -> None:
    images = batch(1000)
    augmented = crop_and_flip(images, padding=0, flip=True, generator=Generator().manual_seed(7))
    same = (augmented == images).flatten(1).all(1)
    mirrored = (augmented == images.flip(2)).flatten(1).all(1)
    assert torch.all(same ^ mirrored)
    assert 440 < int(mirrored.sum()) < 560  # 3.8 standard deviations


def test_crops_reach_every_offset_with_black_padding() -> None:
    white = torch.full((2000, 3, 3, 1), 255, dtype=torch.uint8)
    augmented = crop_and_flip(white, padding=1, flip=False, generator=Generator().manual_seed(7))
    assert set(augmented.unique().tolist()) == {0, 255}
    shapes = {tuple(image.flatten().tolist()) for image in augmented}
    assert len(shapes) == 9


def test_the_input_is_not_changed() -> None:
    images = batch(20)
    crop_and_flip(images, padding=3, flip=True, generator=Generator().manual_seed(7))
    assert torch.equal(images, batch(20))
