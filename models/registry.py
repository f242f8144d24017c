"""The architectures by name: a factory, the layer groups that the figures use, and where its ImageNet weights are."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import nn

Factory = Callable[..., nn.Module]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    name: str
    factory: Factory
    groups: Mapping[str, tuple[str, ...]]
    imagenet: str | None

    def build(self, *, input_channels: int, num_classes: int) -> nn.Module:
        """Return a new network for 32 x 32 images, initialised from torch's global generator."""
        return self.factory(input_channels=input_channels, num_classes=num_classes)

    def group_of(self, layer: str) -> str:
        """Return the group of a layer, or an empty string where it stands outside all groups."""
        for group, patterns in self.groups.items():
            if any(fnmatchcase(layer, pattern) for pattern in patterns):
                return group
        return ""


ARCHITECTURES: dict[str, Architecture] = {}


def register(
    name: str, *, groups: Mapping[str, Iterable[str]], imagenet: str | None = None
) -> Callable[[Factory], Factory]:
    """Register the factory below under a name.

    `groups` maps each group, from the input to the output, to the names of its layers (`*` matches any part).
    `imagenet` names torchvision's weights that `pretrained=true` starts from. The factory takes `input_channels` and
    `num_classes`.
    """

    def decorate(factory: Factory) -> Factory:
        if name in ARCHITECTURES:
            raise ValueError(f"the model {name} is registered twice")
        patterns = {group: tuple(layers) for group, layers in groups.items()}
        ARCHITECTURES[name] = Architecture(name=name, factory=factory, groups=patterns, imagenet=imagenet)
        return factory

    return decorate
