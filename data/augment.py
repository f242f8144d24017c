"""Random crops and flips of whole batches of uint8 images, by one gather."""

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad


def crop_and_flip(images: Tensor, *, padding: int, flip: bool, generator: Generator) -> Tensor:
    """Crop each image at random from itself with `padding` black pixels on every side; flip half of them left to right.

    `images` and the result are uint8, N x H x W x channels. The generator lives on the device of the images.
    """
    if not padding and not flip:
        return images
    count, height, width, _channels = images.shape
    device = images.device
    rows = torch.arange(height, device=device).expand(count, height)
    columns = torch.arange(width, device=device).expand(count, width)
    if flip:
        flipped = torch.rand(count, 1, device=device, generator=generator) < 0.5
        columns = torch.where(flipped, width - 1 - columns, columns)
    if padding:
        images = pad(images, (0, 0, padding, padding, padding, padding))
        offsets = torch.randint(2 * padding + 1, (2, count, 1), device=device, generator=generator)
        rows, columns = rows + offsets[0], columns + offsets[1]
    index = torch.arange(count, device=device)
    return images[index[:, None, None], rows[:, :, None], columns[:, None, :]]
