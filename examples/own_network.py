"""A network of your own in the pipeline: its layers are followed, logged and drawn like those of the paper's networks.

    mlflow run . --env-manager local -P model_name=examples/own_network.py:SmallNet -P dataset=Digits -P epochs=8 \
        -P seeds=0,1,2 -P lr=0.05 -P batch_size=32

A factory is any class or function that takes `input_channels` and `num_classes` and returns a module that gives logits
for images of 32 x 32. `groups`, from the input to the output, say what the figures colour alike and average; without
them the layers are grouped in thirds.
"""

from typing import ClassVar

from torch import Tensor, nn


def block(channels: int, width: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, kernel_size=3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    )


class SmallNet(nn.Module):
    groups: ClassVar = {"early": ["blocks.0.0", "blocks.1.0"], "later": ["blocks.2.0", "blocks.3.0"]}

    def __init__(self, input_channels: int, num_classes: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            block(input_channels, 16, stride=2),
            block(16, 32, stride=1),
            block(32, 64, stride=2),
            block(64, 64, stride=2),
        )
        self.fc = nn.Linear(64, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.blocks(images).mean(dim=(2, 3)))
