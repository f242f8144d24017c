"""Convolutions of small maps on a CPU, each in the form that fills the processor; only rounding differs.

oneDNN computes a convolution row by row of each map. Small maps leave its tiles empty, and much of what it multiplies
is padding. The form depends on shapes, types and processor alone, never on timing: results repeat to the bit.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MethodType
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, linear, pad
from torch.nn.utils.parametrize import type_before_parametrizations

from pipeline.host.hardware import has_amx

PIXELS = 4  # of the largest map that is multiplied as a vector
MANY = 32  # images that repay the making of the matrix for that
WITH_AMX = {torch.bfloat16: 8, torch.float32: 4}  # columns of the widest maps that are faster side by side
BESIDE = 32  # images side by side: near the best for maps of 2, 4 and 8 columns
Pair = tuple[int, int]
Form = Callable[[Tensor, Tensor, Tensor | None, "_Sizes"], Tensor]


def forward_of(widths: Mapping[torch.dtype, int]) -> Callable[[nn.Conv2d, Tensor], Tensor]:
    """Return a forward of Conv2d with the fast forms; `widths`, by type, are those of the maps laid side by side."""

    def forward(self: nn.Conv2d, input: Tensor) -> Tensor:  # noqa: A002  # as Conv2d has it, by which pickle finds it
        return _convolve(input, self, widths)

    return forward


FORWARD, FORWARD_WITH_AMX = forward_of({}), forward_of(WITH_AMX)  # once: torch.compile compares functions by identity


def convolve_small_maps(network: nn.Module, device: str) -> nn.Module:
    """Give every plain Conv2d of a network on a CPU the fast forms, in place; return the network.

    `forward` of each module becomes an attribute of its own, beside that of its class: types, names, hooks and
    `state_dict` stay, copies work with their own weights, and torch.utils.checkpoint repeats the same form in backward.
    """
    forward = FORWARD_WITH_AMX if has_amx() else FORWARD
    for module in network.modules() if device == "cpu" else ():
        if isinstance(module, nn.Conv2d) and _is_plain(module):
            module.forward = MethodType(forward, module)  # type: ignore[method-assign]
    return network


def _is_plain(module: nn.Conv2d) -> bool:
    """Return whether a module computes what Conv2d does; its weight may be parametrized."""
    return (
        type_before_parametrizations(module) is nn.Conv2d
        and "forward" not in vars(module)
        and module.padding_mode == "zeros"
    )


def _convolve(images: Tensor, conv: nn.Conv2d, widths: Mapping[torch.dtype, int]) -> Tensor:
    dtype, weight, bias = _type_of(images), conv.weight, conv.bias  # once: a parametrization may change with every look
    sizes = _sizes(images, weight, conv) if dtype == _type_of(weight) else None
    if sizes is None:  # nothing to gain, or an error that torch explains
        return conv2d(images, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)
    contiguous = images.is_contiguous() and weight.is_contiguous()  # as is then what torch returns
    if sizes.kernel == (1, 1) and max(sizes.stride) > 1:
        images, sizes = _every_stride(images, sizes)
    form = _form(len(images), sizes, widths.get(dtype, 0)) if conv.groups == 1 else None
    if form is None:
        return conv2d(images, weight, bias, *sizes[2:], conv.groups)
    out = form(images.to(dtype).permute(0, 2, 3, 1), weight.to(dtype), bias, sizes).permute(0, 3, 1, 2)
    return out.contiguous() if contiguous else out


class _Sizes(NamedTuple):
    """Rows and columns of a map, and of what is done with it."""

    map: Pair
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair

    @property
    def out(self) -> Pair:
        rows, columns = (
            (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
            for size, kernel, stride, padding, dilation in zip(*self, strict=True)
        )
        return rows, columns

    @property
    def period(self) -> int:
        """Columns from one map to the next, side by side: zeros as wide as the padding, a multiple of the stride."""
        stride = self.stride[1]
        return -(-(self.map[1] + self.padding[1]) // stride) * stride


def _form(images: int, sizes: _Sizes, widest: int) -> Form | None:
    """Return the fast form of a convolution, or None; forms take and return images x rows x columns x channels."""
    pixels = sizes.map[0] * sizes.map[1]
    if pixels <= PIXELS and sizes.kernel == sizes.stride == (1, 1) and sizes.padding == (0, 0):
        return _by_pixel
    whole = (
        sizes.dilation == (1, 1)
        and all(  # every pixel of the output depends on every pixel of the map
            (out - 1) * stride <= padding <= kernel - size
            for size, kernel, stride, padding, out in zip(*sizes[:4], sizes.out, strict=True)
        )
    )
    if whole and pixels <= PIXELS and (images >= MANY or pixels == 1):
        return _as_vectors
    if _keep_apart(sizes) and sizes.map[1] <= widest and images > 1 and sizes.kernel != (1, 1):
        return _side_by_side
    return None


def _keep_apart(sizes: _Sizes) -> bool:
    """Return whether each map in a row gives all its columns between two gaps, as with the usual padding."""
    stride, padding, reach = sizes.stride[1], sizes.padding[1], sizes.dilation[1] * (sizes.kernel[1] - 1)
    return sizes.out[1] * stride <= sizes.period and 2 * padding + stride > reach


def _every_stride(images: Tensor, sizes: _Sizes) -> tuple[Tensor, _Sizes]:
    """Leave out the pixels that a kernel of one pixel skips.

    oneDNN's own gradient, of few channels and without AVX512, writes past the end of its memory
    (uxlfoundation/oneDNN#6035).
    """
    rows, columns = sizes.padding
    framed = pad(images, (columns, columns, rows, rows)) if max(sizes.padding) else images
    kept = avg_pool2d(framed, 1, sizes.stride)
    return kept, sizes._replace(map=_pair(kept.shape[2:]), stride=(1, 1), padding=(0, 0))


def _by_pixel(images: Tensor, weight: Tensor, bias: Tensor | None, _sizes: _Sizes) -> Tensor:
    return linear(images, weight.flatten(1), bias)


def _as_vectors(images: Tensor, weight: Tensor, bias: Tensor | None, sizes: _Sizes) -> Tensor:
    """Multiply each map as one vector: each weight only where it meets a pixel, and no padding."""
    (rows, columns), (height, width), kernel = sizes.map, sizes.out, weight.permute(0, 2, 3, 1)
    tops = [sizes.padding[0] - row * sizes.stride[0] for row in range(height)]
    lefts = [sizes.padding[1] - column * sizes.stride[1] for column in range(width)]
    matrix = torch.stack([kernel[:, top : top + rows, left : left + columns] for top in tops for left in lefts])
    biases = None if bias is None else bias.repeat(height * width)
    out = linear(images.flatten(1), matrix.flatten(2).flatten(0, 1), biases)
    return out.view(len(images), height, width, len(weight))


def _side_by_side(images: Tensor, weight: Tensor, bias: Tensor | None, sizes: _Sizes) -> Tensor:
    """Convolve rows of maps, with zeros between them, as wide maps, and cut the gaps out."""
    count, height, width, channels = images.shape
    wide = -(-count // BESIDE)
    beside = -(-count // wide)
    if missing := wide * beside - count:
        images = pad(images, (0, 0, 0, 0, 0, 0, 0, missing))
    rows = images.reshape(wide, beside, height, width, channels).transpose(1, 2)
    laid = pad(rows, (0, 0, 0, sizes.period - width)).flatten(2, 3)
    out = conv2d(laid.permute(0, 3, 1, 2), weight, bias, *sizes[2:]).permute(0, 2, 3, 1)
    height, width = sizes.out
    period = sizes.period // sizes.stride[1]
    maps = out[:, :, : beside * period].reshape(wide, height, beside, period, len(weight))[:, :, :, :width]
    return maps.transpose(1, 2).flatten(0, 1)[:count].contiguous()


def _type_of(tensor: Tensor) -> torch.dtype:
    """Return the type in which a convolution computes with a tensor."""
    if torch.is_autocast_enabled("cpu") and tensor.dtype != torch.float64:
        return torch.get_autocast_dtype("cpu")
    return tensor.dtype


def _sizes(images: Tensor, weight: Tensor, conv: nn.Conv2d) -> _Sizes | None:
    """Return the sizes of a convolution, or None where it is not an ordinary one or torch raises an error."""
    ordinary = images.ndim == weight.ndim == 4 and images.is_cpu and images.is_floating_point() and images.numel()
    if not ordinary or images.shape[1] != conv.groups * weight.shape[1]:
        return None
    kernel, stride, spread = (_pair(each) for each in (weight.shape[2:], conv.stride, conv.dilation))
    padding = conv.padding
    if isinstance(padding, str):
        around = [each * (size - 1) * (padding == "same") for size, each in zip(kernel, spread, strict=True)]
        if any(each % 2 for each in around):
            return None
        padding = (around[0] // 2, around[1] // 2)
    sizes = _Sizes(_pair(images.shape[2:]), kernel, stride, _pair(padding), spread)
    return sizes if min(sizes.out) > 0 else None


def _pair(size: Sequence[int]) -> Pair:
    rows, columns = (*size, *size)[:2]  # torch takes one for both
    return rows, columns
