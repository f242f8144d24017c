"""A trained network with its preprocessing inside: from raw pixels to class probabilities."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Classifier(nn.Module):
    """`mean` and `std` are those of the training images, per channel, scaled to 0..1."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, *, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean) * 255)
        self.register_buffer("std", torch.tensor(std) * 255)

    def forward(self, images: Tensor) -> Tensor:
        """Return probabilities, N x classes, of images, uint8, N x 32 x 32 x channels."""
        normalised = (images.float() - self.mean) / self.std
        probabilities: Tensor = self.network(normalised.permute(0, 3, 1, 2)).softmax(dim=1)
        return probabilities
