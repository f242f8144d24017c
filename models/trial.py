"""A network that is not the project's own, tried on one batch before anything is trained."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from models.registry import Architecture, ModelError, first_line


def try_out(architecture: Architecture, *, channels: int, classes: int, images: int) -> None:
    """Build it, and take one batch of random images forward and back; raise ModelError where that does not work.

    `images` is the size of the smallest batch it will meet. The random generators are left as they were.
    """
    with torch.random.fork_rng():
        try:
            network = architecture.build(input_channels=channels, num_classes=classes)
            logits = network.train()(torch.randn(images, channels, 32, 32))
        except Exception as error:  # the code may do anything
            raise ModelError(
                f"{architecture.name} does not fit batches of {images} x {channels} x 32 x 32 "
                f"({first_line(error)}): {_remedy(images)}"
            ) from error
        _check(architecture.name, network, logits, (images, classes))


def _check(name: str, network: nn.Module, logits: object, shape: tuple[int, int]) -> None:
    if not isinstance(logits, Tensor) or logits.shape != shape:
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ModelError(f"{name} must return logits, images x classes, here {shape}; it returned {got}")
    if not any(parameter.ndim >= 2 for parameter in network.parameters()):
        raise ModelError(f"{name} has no layer to follow: no weight of two or more dimensions")
    try:
        cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long)).backward()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        raise ModelError(f"{name} cannot be trained: its gradient fails ({first_line(error)})") from error


def _remedy(images: int) -> str:
    if images == 1:
        return "an epoch's last batch has one image, so try another batch_size, or another network"
    return "change it, or name another one"
