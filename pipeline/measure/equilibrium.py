"""Equilibrium levels of SGD with weight decay, and the layers that reach them.

A layer is scale-invariant if multiplying its weights by a number does not change the network's output: for example a
convolution followed by BatchNorm. Its gradient is orthogonal to its weights, so steps lengthen them, weight decay
shortens them, and in balance the weights turn by a constant angle a step (arXiv 2006.08419, 2305.17212).
"""

import math
from collections.abc import Iterable
from copy import deepcopy

import torch
from torch import Generator, Tensor, nn

from .weights import layer_weights

RELAXATIONS = (
    3  # in units of (1 - momentum) / (lr weight_decay) steps, each of which relaxes the squared norm by exp(-2)
)
NEGLIGIBLE = 1e-20  # compared with the variances that BatchNorm divides by, in float64
DRAWS = 0x6C617965  # seed of the images; that of the network would draw the initial weights again
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
ORTHOGONAL = 1e-6  # largest cosine of weights and gradient that float64 rounding explains


def step_angle_level(*, lr: float, momentum: float, weight_decay: float) -> float:
    """Return the root mean square angle of a step in equilibrium, radians."""
    return math.sqrt(2 * lr * weight_decay / (1 + momentum))


def white_noise_rwc(*, steps: int, lr: float, momentum: float, weight_decay: float) -> float:
    """Return RWC* of `steps` steps in equilibrium under independent gradients.

    It is an upper reference: real gradients of an epoch cancel in part, so RWC stays below it.
    """
    return math.sqrt(2 * (1 - math.exp(-steps * lr * weight_decay / (1 - momentum))))


def steps_to_equilibrium(*, lr: float, momentum: float, weight_decay: float) -> float:
    """Return the number of steps to reach equilibrium; inf without weight decay."""
    rate = lr * weight_decay
    return RELAXATIONS * (1 - momentum) / rate if rate else math.inf


def straightness(displacement: float, step: float, *, steps: int, momentum: float) -> float:
    """Return a layer's displacement over `steps` steps relative to that of a random walk with momentum.

    `step` is the root mean square length of the steps and `displacement` the distance between first and last weights,
    both in the 2-norm. The walk has independent gradients, so that steps k apart correlate by momentum**k. Below 1 the
    steps cancel, at 1 they have no common direction, above 1 they share one: at most
    sqrt(steps (1 - momentum) / (1 + momentum)). NaN if `step` is 0.
    """
    apart = 2 * momentum * (1 - momentum**steps) / (1 - momentum) ** 2
    walk = step * math.sqrt(steps * (1 + momentum) / (1 - momentum) - apart)
    return displacement / walk if walk > 0 else math.nan


def scale_invariant_layers(
    model: nn.Module, image_shape: tuple[int, int, int], *, images: int = 8, layers: Iterable[str] | None = None
) -> list[str]:
    """Return the scale-invariant layers, for images of shape channels x height x width.

    By Euler's theorem, the gradient of any function of the output is orthogonal to the weights of these layers alone.
    The test uses random images and a random function on a float64 copy of the model: dropout is off, the epsilon of
    normalisation layers is negligible, and their scales, some of which are initialised to zero, are random.
    """
    draws = Generator().manual_seed(DRAWS)
    network = deepcopy(model).to("cpu", torch.float64).train()
    for module in network.modules():
        if isinstance(getattr(module, "eps", None), float):
            module.eps = NEGLIGIBLE  # type: ignore[assignment]  # it is a float
            if isinstance(scale := getattr(module, "weight", None), Tensor):
                nn.init.uniform_(scale, 0.5, 1.5, generator=draws)
        elif isinstance(module, DROPOUTS):
            module.eval()
    output = network(torch.randn(images, *image_shape, generator=draws, dtype=torch.float64))
    (output * torch.randn(output.shape, generator=draws, dtype=torch.float64)).sum().backward()
    gradients = {name.removesuffix(".weight"): parameter.grad for name, parameter in network.named_parameters()}
    return [
        layer for layer, weight in layer_weights(network, layers).items() if _orthogonal(weight, gradients.get(layer))
    ]


def _orthogonal(weight: Tensor, gradient: Tensor | None) -> bool:
    if gradient is None or not gradient.any() or not weight.any():
        return False
    cosine = torch.nn.functional.cosine_similarity(weight.flatten(), gradient.flatten(), dim=0)
    return bool(cosine.abs() < ORTHOGONAL)
