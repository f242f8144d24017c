"""ImageNet weights of torchvision, and copying those that fit a network."""

from collections.abc import Mapping
from http.client import HTTPException
from pickle import UnpicklingError

from torch import Tensor, nn

from models.architectures import Architecture


class WeightsError(Exception):
    """The ImageNet weights are not available; the message is one line and names the remedy."""


def imagenet_weights(architecture: Architecture) -> Mapping[str, Tensor]:
    """Return torchvision's weights of an architecture, from torch's cache or downloaded into it; raise WeightsError."""
    if architecture.imagenet is None:
        raise WeightsError(f"{architecture.name} has no ImageNet weights: set pretrained to false")
    from torchvision.models import get_weight  # here: it takes as long to import as torch

    try:
        weights: Mapping[str, Tensor] = get_weight(architecture.imagenet).get_state_dict(
            progress=False, check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError, HTTPException, EOFError, UnpicklingError) as error:
        reason = " ".join(str(error).split())
        raise WeightsError(
            f"{architecture.imagenet} could not be downloaded ({reason}): check the internet connection, delete a "
            "damaged file from torch's cache, or set pretrained to false"
        ) from error
    return weights


def copy_equal(model: nn.Module, weights: Mapping[str, Tensor]) -> list[str]:
    """Copy every tensor of equal name and shape into the model; return the names of the model's other tensors."""
    state = model.state_dict()
    equal = {name: weights[name] for name in state if name in weights and weights[name].shape == state[name].shape}
    model.load_state_dict(equal, strict=False)
    return [name for name in state if name not in equal]
