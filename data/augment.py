"""Random crops and flips of batches of uint8 images, by gathering whole rows and images."""

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad


def crop_and_flip(images: Tensor, *, padding: int, flip: bool, generator: Generator) -> Tensor:
    """Crop each image at random after padding it with `padding` black pixels; flip each left to right with chance 1/2.

    `images` and the result are uint8, N x H x W x channels. The generator is on the device of the images.
    """
    count, device = len(images), images.device
    flipped = torch.rand(count, device=device, generator=generator) < 0.5 if flip else None
    if padding:
        offsets = torch.randint(2 * padding + 1, (2, count, 1), device=device, generator=generator)
        images = _crop(images, padding, *offsets)
    if flipped is not None:
        both = torch.cat((images, images.flip(2)))
        images = both.index_select(0, torch.arange(count, device=device) + count * flipped)
    return images


def _crop(images: Tensor, padding: int, top: Tensor, left: Tensor) -> Tensor:
    """Crop images at offsets `top` and `left`, N x 1; copying a row at once is much faster than pixel by pixel."""
    count, height, width, channels = images.shape
    padded = pad(images, (0, 0, padding, padding, padding, padding))
    rows = torch.arange(height, device=images.device) + top
    image = torch.arange(count, device=images.device).unsqueeze(1)
    first_pixels = (image * padded.shape[1] + rows) * padded.shape[2] + left
    runs = padded.as_strided((padded.numel() // channels - width + 1, width * channels), (channels, 1))
    return runs.index_select(0, first_pixels.flatten()).view(images.shape)
