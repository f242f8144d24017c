"""Eight convolutions of equal size, with BatchNorm or without: depth is all that tells their layers apart.

`-P model_name=examples/eight_convolutions.py:WithNorm` or `:Plain`; docs/results.md uses both.
"""

from typing import ClassVar

from torch import Tensor, nn

WIDTH = 64


class Plain(nn.Module):
    """A stem that makes 8 x 8 maps of 32 x 32 images, eight convolutions of 64 to 64 channels, and a linear layer."""

    norm = False
    groups: ClassVar = {
        "early": ["convolutions.0", "convolutions.1", "convolutions.2"],
        "middle": ["convolutions.3", "convolutions.4"],
        "later": ["convolutions.5", "convolutions.6", "convolutions.7"],
    }

    def __init__(self, *, input_channels: int, num_classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(input_channels, WIDTH, kernel_size=4, stride=4)
        self.convolutions = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, kernel_size=3, padding=1) for _layer in range(8))
        self.norms = nn.ModuleList(nn.BatchNorm2d(WIDTH) if self.norm else nn.Identity() for _layer in range(8))
        self.fc = nn.Linear(WIDTH, num_classes)
        for convolution in self.convolutions:
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, N x classes, of images, N x channels x 32 x 32."""
        maps = self.stem(images).relu()
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            maps = norm(convolution(maps)).relu()
        return self.fc(maps.mean(dim=(2, 3)))


class WithNorm(Plain):
    """The same with BatchNorm after each of the eight."""

    norm = True
