"""The registry of architectures: a factory, the layer groups of the figures, and the ImageNet weights of each."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from textwrap import shorten
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

Factory = Callable[..., "nn.Module"]
Size = tuple[int, int]
SIZE: Size = (32, 32)  # height and width of the paper's images
THIRDS = ("early", "middle", "later")


class ModelError(Exception):
    """A network is missing or cannot be used; the message is one line and names the remedy."""


LONGEST = 300  # characters of what code of other people says


def one_line(error: BaseException) -> str:
    """Return the type of an error and its message, in one line, shortened."""
    text = shorten(str(error), LONGEST, placeholder=" ...")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """`imagenet` names torchvision's weights for `pretrained=true`; `source` is the code of a custom model's file.

    `layers` are names or patterns of the parameters to measure; None: those that the types of its modules tell. With
    `takes_size` the factory has a parameter `image_size`; without `any_size` the network takes images of SIZE alone.
    """

    name: str
    factory: Factory
    groups: Mapping[str, tuple[str, ...]] = field(hash=False)
    layers: tuple[str, ...] | None = None
    imagenet: str | None = None
    source: str = ""
    takes_size: bool = False
    any_size: bool = True

    def build(self, *, input_channels: int, num_classes: int, image_size: Size = SIZE) -> "nn.Module":
        """Return a new network for images of a height and width, initialised from torch's global generator."""
        height, width = image_size
        sized = {"image_size": height if height == width else image_size} if self.takes_size else {}
        return self.factory(input_channels=input_channels, num_classes=num_classes, **sized)

    def blueprint(self, image_size: Size = SIZE) -> "nn.Module":
        """Return a network for 3 channels and 10 classes, on the meta device if its code allows that."""
        import torch  # here: names and groups are known without it

        build = partial(self.build, input_channels=3, num_classes=10, image_size=image_size)
        try:
            with torch.device("meta"):
                return build()
        except (NotImplementedError, RuntimeError):  # it reads values of tensors
            return build()

    def group_of(self, layer: str) -> str:
        """Return the group of a layer, or an empty string if it has none."""
        for group, patterns in self.groups.items():
            if any(fnmatchcase(layer, pattern) for pattern in patterns):
                return group
        return ""

    def grouped(self, layers: Sequence[str]) -> "Architecture":
        """Return the architecture with groups: its own, else the thirds of its layers, which are given in order."""
        if self.groups:
            return self
        ends = [round(len(layers) * part / len(THIRDS)) for part in range(len(THIRDS) + 1)]
        thirds = {
            group: tuple(layers[begin:end]) for group, begin, end in zip(THIRDS, ends[:-1], ends[1:], strict=True)
        }
        return replace(self, groups=thirds)


ARCHITECTURES: dict[str, Architecture] = {}


def register(
    name: str, *, groups: Mapping[str, Iterable[str]], imagenet: str | None = None, any_size: bool = False
) -> Callable[[Factory], Factory]:
    """Register the decorated factory, which takes `input_channels` and `num_classes`, under a name.

    `groups` maps each group, from the input to the output, to the names of its layers (`*` matches any part).
    `imagenet` names torchvision's weights for `pretrained=true`. Networks take images of SIZE, those with `any_size`
    others as well. Raise ValueError if the name is taken.
    """

    def decorate(factory: Factory) -> Factory:
        if name in ARCHITECTURES:
            raise ValueError(f"the model {name} is registered twice")
        patterns = {group: tuple(layers) for group, layers in groups.items()}
        ARCHITECTURES[name] = Architecture(
            name=name, factory=factory, groups=patterns, imagenet=imagenet, any_size=any_size
        )
        return factory

    return decorate
