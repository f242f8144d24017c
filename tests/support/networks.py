"""Ten networks of public kinds, each as other people write them, for 32 x 32 images; each is a factory."""

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d
from torch.nn.utils.parametrizations import weight_norm


class LeNet(nn.Module):
    """It views the output of convolutions as vectors, which channels-last memory does not allow."""

    def __init__(self, input_channels: int, num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(input_channels, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 84)
        self.fc2 = nn.Linear(84, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = max_pool2d(self.conv1(x).relu(), 2)
        x = max_pool2d(self.conv2(x).relu(), 2)
        x = x.view(x.size(0), -1)
        return self.fc2(self.fc1(x).relu())


class TinyViT(nn.Module):
    """Attention, which autocast rounds; a token, and positions."""

    def __init__(self, input_channels: int, num_classes: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(input_channels, 32, 8, stride=8)
        self.cls = nn.Parameter(torch.zeros(1, 1, 32))
        self.positions = nn.Parameter(0.02 * torch.randn(1, 17, 32))
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(32, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], dim=1) + self.positions
        return self.head(self.encoder(x)[:, 0])


class UNet(nn.Module):
    def __init__(self, input_channels: int, num_classes: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(input_channels, 8, 3, padding=1)
        self.middle = nn.Conv2d(8, 16, 3, padding=1)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.last = nn.Conv2d(16, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        fine = self.down(x).relu()
        coarse = self.middle(max_pool2d(fine, 2)).relu()
        x = torch.cat([fine, self.up(coarse) + interpolate(coarse, scale_factor=2.0)[:, :8]], dim=1)
        return self.last(x).mean(dim=(2, 3))


class Depthwise(nn.Sequential):
    def __init__(self, input_channels: int, num_classes: int) -> None:
        super().__init__(
            nn.Conv2d(input_channels, 8, 3, stride=2),
            nn.Conv2d(8, 8, 3, groups=8),
            nn.Conv2d(8, 16, 1),
            nn.Hardswish(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, num_classes),
        )


class Grouped(nn.Module):
    """Groups of channels that are shuffled."""

    def __init__(self, input_channels: int, num_classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(input_channels, 16, 3, stride=2)
        self.grouped = nn.Conv2d(16, 16, 3, groups=4)
        self.head = nn.Linear(16, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).relu()
        n, c, h, w = x.shape
        x = x.view(n, 4, c // 4, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.head(avg_pool2d(self.grouped(x).relu(), 13).flatten(1))


class GroupNormed(nn.Sequential):
    def __init__(self, input_channels: int, num_classes: int) -> None:
        super().__init__(
            nn.Conv2d(input_channels, 8, 3, stride=4),
            nn.GroupNorm(2, 8),
            nn.LayerNorm([8, 8, 8]),
            nn.PReLU(8),
            nn.Flatten(),
            nn.Linear(512, num_classes),
        )


class WeightNormed(nn.Sequential):
    def __init__(self, input_channels: int, num_classes: int) -> None:
        super().__init__(
            weight_norm(nn.Conv2d(input_channels, 8, 3, stride=4)),
            nn.ReLU(),
            nn.Flatten(),
            weight_norm(nn.Linear(512, num_classes)),
        )


class Volumes(nn.Module):
    """3-D convolutions over stacked patches."""

    def __init__(self, input_channels: int, num_classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(input_channels, 8, 3, stride=2)
        self.head = nn.Linear(8, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = x.unflatten(2, (4, 8)).movedim(2, 2)
        return self.head(self.conv(x).relu().mean(dim=(2, 3, 4)))


class Recurrent(nn.Module):
    """Reads an image row by row."""

    def __init__(self, input_channels: int, num_classes: int) -> None:
        super().__init__()
        self.rows = nn.LSTM(32 * input_channels, 16, batch_first=True)
        self.head = nn.Linear(16, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.transpose(1, 2).flatten(2)
        states, _last = self.rows(rows)
        return self.head(states[:, -1])


class Buffered(nn.Module):
    """A buffer gets its value in the first forward pass, another one its size; the last layer is declared first."""

    def __init__(self, input_channels: int, num_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(8, num_classes)
        self.conv = nn.Conv2d(input_channels, 8, 3, stride=2)
        self.register_buffer("grid", None)
        self.register_buffer("seen", torch.zeros(0))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).relu()
        if self.grid is None:
            self.grid = torch.linspace(-1, 1, x.shape[-1], device=x.device)
            self.seen = torch.zeros(3, device=x.device)
        return self.head((x * self.grid).mean(dim=(2, 3)))


NETWORKS = (
    LeNet, TinyViT, UNet, Depthwise, Grouped, GroupNormed, WeightNormed, Volumes, Recurrent, Buffered,
)  # fmt: skip
