"""Largest singular values of each layer's weights and of their change; weights are matrices, outputs x the rest.

They are exact, whatever precision a training loop allows for products of float32 matrices (TF32, bfloat16): the Gram
matrix is a product in float64. The eigenvalues of the smaller one take less time than a power iteration to within 1 %,
because singular values of trained and of random layers lie close together (docs/performance.md, c).
"""

import math

import torch
from torch import Tensor

from .block import precise_dtype
from .measurements import measurement, whole


def largest_singular_value(weight: Tensor) -> Tensor:
    """Return the spectral norm, 0-d float64, of a weight, out x in or out x in x kernel; 0 if it has no elements.

    Weights of half precision are converted to float32.
    """
    if not weight.numel():
        return weight.new_zeros((), dtype=torch.float64)
    matrix = weight.flatten(1).to(precise_dtype(weight.dtype) or weight.dtype)
    scale = matrix.abs().max()
    scaled = (matrix / scale.clamp(min=torch.finfo(matrix.dtype).tiny)).double()
    gram = scaled @ scaled.T if len(scaled) <= scaled.shape[1] else scaled.T @ scaled
    squared: Tensor = torch.linalg.eigvalsh(gram.to(matrix.dtype))[-1]
    return squared.clamp(min=0).double().sqrt() * scale


@whole
def spectral_after(_before: Tensor, after: Tensor) -> Tensor:
    return largest_singular_value(after)


@whole
def spectral_difference(before: Tensor, after: Tensor) -> Tensor:
    return largest_singular_value(after - before)


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
