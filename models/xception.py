"""Xception for 32 x 32 images (arXiv 1610.02357); the first two of its five strides are 1 here."""

from itertools import pairwise

from torch import Tensor, nn

from models.architectures import register


class SeparableConv(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(in_channels, in_channels, kernel_size=3, padding=1, groups=in_channels, bias=False)
        self.pointwise = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.bn(self.pointwise(self.depthwise(x)))
        return out


class Block(nn.Module):
    """Separable convolutions, each after a ReLU, then pooling if the stride is not 1; with a residual connection."""

    def __init__(self, widths: tuple[int, ...], *, stride: int = 1, relu_first: bool = True) -> None:
        super().__init__()
        steps: list[nn.Module] = []
        for index, (narrow, wide) in enumerate(pairwise(widths)):
            if index or relu_first:
                steps.append(nn.ReLU())
            steps.append(SeparableConv(narrow, wide))
        if stride != 1:
            steps.append(nn.MaxPool2d(3, stride=stride, padding=1))
        self.body = nn.Sequential(*steps)
        self.skip: nn.Module = nn.Identity()
        if widths[0] != widths[-1]:
            self.skip = nn.Sequential(
                nn.Conv2d(widths[0], widths[-1], kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(widths[-1]),
            )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x) + self.skip(x)
        return out


def _conv(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


@register(
    "Xception",
    groups={flow: (f"{flow}.*",) for flow in ("entry", "middle", "exit")},
    any_size=True,  # it averages over all pixels that are left
)
class Xception(nn.Module):
    def __init__(self, *, input_channels: int, num_classes: int) -> None:
        super().__init__()
        self.entry = nn.Sequential(
            _conv(input_channels, 32),
            _conv(32, 64),
            Block((64, 128, 128), relu_first=False),
            Block((128, 256, 256), stride=2),
            Block((256, 728, 728), stride=2),
        )
        self.middle = nn.Sequential(*(Block((728, 728, 728, 728)) for _ in range(8)))
        self.exit = nn.Sequential(
            Block((728, 728, 1024), stride=2),
            SeparableConv(1024, 1536),
            nn.ReLU(inplace=True),
            SeparableConv(1536, 2048),
            nn.ReLU(inplace=True),
        )
        self.fc = nn.Linear(2048, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, N x classes, of images, N x channels x height x width."""
        x = self.exit(self.middle(self.entry(images)))
        logits: Tensor = self.fc(x.mean(dim=(2, 3)))
        return logits
