"""Largest singular values of each layer's weights and of their change; weights are matrices, outputs x the rest.

They are exact, whatever precision a training loop allows for products of float32 matrices (TF32, bfloat16): the Gram
matrix is a product in float64. The eigenvalues of the smaller one take less time than a power iteration to within 1 %,
because singular values of trained and of random layers lie close together (docs/performance.md, c).
"""

import math

import torch
from torch import Tensor

from .measurements import Layer, measurement, whole
from .shards import Split, gram_matrix, largest


def largest_singular_value(weight: Tensor, shape: torch.Size, split: Split) -> Tensor:
    """Return the spectral norm, 0-d float64, of a weight of this shape, out x in or out x in x kernel.

    `weight` is this process's part of it, float32 or float64. 0 if it has no elements, NaN if some are not finite.
    """
    if not shape.numel():
        return weight.new_zeros((), dtype=torch.float64)
    matrix = weight.flatten(1)
    scale = largest(matrix.abs().max() if matrix.numel() else matrix.new_zeros(()), split)
    scaled = (matrix / scale.clamp(min=torch.finfo(matrix.dtype).tiny)).double()
    of_outputs = shape[0] <= shape[1:].numel()
    if len(split.by_outputs if of_outputs else split.by_rest) > 1:  # rows in parts of parts: the other matrix has none
        of_outputs = not of_outputs
    gram = gram_matrix(scaled, split, of_outputs=of_outputs).to(matrix.dtype)
    finite = gram.isfinite().all()
    squared: Tensor = torch.linalg.eigvalsh(torch.where(finite, gram, 0))[-1]
    return torch.where(finite, squared.clamp(min=0).double().sqrt() * scale, math.nan)


@whole
def spectral_after(layer: Layer) -> Tensor:
    return largest_singular_value(layer.after, layer.shape, layer.split)


@whole
def spectral_difference(layer: Layer) -> Tensor:
    return largest_singular_value(layer.after - layer.before, layer.shape, layer.split)


@measurement("spectral_norm", "largest singular value of after")
def spectral_norm(spectral_after: Tensor) -> Tensor:
    """Return the largest singular value of the weights after the epoch."""
    return spectral_after


@measurement("spectral_change", "largest singular value of after - before (arXiv 2310.17813)")
def spectral_norm_of_change(spectral_difference: Tensor) -> Tensor:
    """Return the largest singular value of after - before (arXiv 2310.17813)."""
    return spectral_difference


@measurement("stable_rank", "||after||_F^2 / ||after||_2^2")
def stable_rank(after_squared: Tensor, spectral_after: Tensor) -> Tensor:
    """Return ||after||_F^2 / ||after||_2^2: 1 for a matrix of rank 1; NaN if all weights are zero."""
    return torch.where(spectral_after > 0, after_squared / spectral_after.square(), math.nan)
