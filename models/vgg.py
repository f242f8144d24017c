"""VGG19 with BatchNorm for 32 x 32 images (arXiv 1409.1556, configuration E): 16 convolutions, one linear layer."""

from torch import Tensor, nn

from models.architectures import register

WIDTHS = (64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512, 512, 512, 512)
POOL_AFTER = (2, 4, 8, 12, 16)
CONVS = tuple(f"features.{3 * i + sum(end <= i for end in POOL_AFTER)}" for i in range(len(WIDTHS)))


def _features(input_channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = input_channels
    for number, width in enumerate(WIDTHS, start=1):
        layers += [nn.Conv2d(channels, width, kernel_size=3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        if number in POOL_AFTER:
            layers.append(nn.MaxPool2d(2))
        channels = width
    return nn.Sequential(*layers)


@register(
    "VGG19",
    groups={"early": CONVS[:4], "middle": CONVS[4:11], "later": CONVS[11:]},
    imagenet="VGG19_BN_Weights.IMAGENET1K_V1",
)
class VGG19(nn.Module):
    def __init__(self, *, input_channels: int, num_classes: int) -> None:
        super().__init__()
        self.features = _features(input_channels)
        self.classifier = nn.Linear(512, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, N x classes, of images, N x channels x 32 x 32."""
        logits: Tensor = self.classifier(self.features(images).flatten(1))
        return logits
