"""A trained network with its preprocessing inside: from raw pixels to class probabilities."""

import torch
from torch import Tensor, nn

from data.moments import Moments


class Classifier(nn.Module):
    """`moments` are those by which the network's training images were normalised: its loaders carry them."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, moments: Moments) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(moments.mean) * 255)
        self.register_buffer("std", torch.tensor(moments.std) * 255)

    def forward(self, images: Tensor) -> Tensor:
        """Return probabilities, N x classes, of images, uint8, N x 32 x 32 x channels."""
        normalised = (images.float() - self.mean) / self.std
        probabilities: Tensor = self.network(normalised.permute(0, 3, 1, 2)).softmax(dim=1)
        return probabilities
