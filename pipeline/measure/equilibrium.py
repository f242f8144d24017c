"""What SGD with weight decay does to a layer by itself: levels of equilibrium, and the layers that have them.

A layer is scale-invariant if multiplying its weights by a number leaves the network's output as it was: a convolution
followed by BatchNorm, say. Its gradient is at right angles to its weights, so steps lengthen them, weight decay
shortens them, and where both are even the weights turn by a fixed angle a step (arXiv 2006.08419, 2305.17212).
"""

import math
from copy import deepcopy

import torch
from torch import Generator, Tensor, nn

from .tracker import layer_weights

RELAXATIONS = 3  # times (1 - momentum) / (lr weight_decay) steps, in which the squared length relaxes by exp(-2)
NEGLIGIBLE = 1e-20  # beside the variances that BatchNorm divides by, in float64
DRAWS = 0x6C617965  # of the images: a seed that no network is likely to be initialised with, which would repeat them
ORTHOGONAL = 1e-6  # the largest cosine of weights and gradient that rounding explains, in float64


def step_angle_level(*, lr: float, momentum: float, weight_decay: float) -> float:
    """Return the root mean square angle of one step in equilibrium, radians."""
    return math.sqrt(2 * lr * weight_decay / (1 + momentum))


def white_noise_rwc(*, steps: int, lr: float, momentum: float, weight_decay: float) -> float:
    """Return RWC* of so many steps in equilibrium, if the gradients of all steps were independent.

    They are not: those of one epoch cancel in part, and RWC stays below. So it is an upper reference.
    """
    return math.sqrt(2 * (1 - math.exp(-steps * lr * weight_decay / (1 - momentum))))


def steps_to_equilibrium(*, lr: float, momentum: float, weight_decay: float) -> float:
    """Return the number of steps after which equilibrium can be expected; inf without weight decay."""
    rate = lr * weight_decay
    return RELAXATIONS * (1 - momentum) / rate if rate else math.inf


def straightness(displacement: float, step: float, *, steps: int, momentum: float) -> float:
    """Return how far a layer came in so many steps over how far a random walk with momentum would have come.

    `step` is the root mean square length of the steps, `displacement` the distance of start and end; in the 2-norm.
    In such a walk gradients are independent, and steps k apart correlate by momentum**k. So 1 says that steps have no
    direction, less that they cancel, more that they go one way: sqrt(steps (1 - momentum) / (1 + momentum)) at the
    most. NaN where no step was taken.
    """
    apart = 2 * momentum * (1 - momentum**steps) / (1 - momentum) ** 2
    walk = step * math.sqrt(steps * (1 + momentum) / (1 - momentum) - apart)
    return displacement / walk if walk > 0 else math.nan


def scale_invariant_layers(model: nn.Module, image_shape: tuple[int, int, int], *, images: int = 8) -> list[str]:
    """Return the layers whose scale does not matter to the output, for images of a shape: channels x height x width.

    By Euler's theorem these are the ones whose gradient, of any function of the output, is at right angles to the
    weights. It is tried with random images and a random function, on a copy in float64 in which dropout is off, the
    constant that norms (BatchNorm and its like) add to variances is negligible, and no scale of theirs is zero, as some
    are at the start.
    """
    draws = Generator().manual_seed(DRAWS)
    network = deepcopy(model).to("cpu", torch.float64).train()
    for module in network.modules():
        if isinstance(getattr(module, "eps", None), float):
            module.eps = NEGLIGIBLE  # type: ignore[assignment]  # it is a float
            if isinstance(scale := getattr(module, "weight", None), Tensor):
                nn.init.uniform_(scale, 0.5, 1.5, generator=draws)
        elif isinstance(module, nn.modules.dropout._DropoutNd):
            module.eval()
    output = network(torch.randn(images, *image_shape, generator=draws, dtype=torch.float64))
    (output * torch.randn(output.shape, generator=draws, dtype=torch.float64)).sum().backward()
    gradients = {name.removesuffix(".weight"): parameter.grad for name, parameter in network.named_parameters()}
    return [layer for layer, weight in layer_weights(network).items() if _orthogonal(weight, gradients[layer])]


def _orthogonal(weight: Tensor, gradient: Tensor | None) -> bool:
    if gradient is None or not gradient.any() or not weight.any():
        return False
    cosine = torch.nn.functional.cosine_similarity(weight.flatten(), gradient.flatten(), dim=0)
    return bool(cosine.abs() < ORTHOGONAL)
