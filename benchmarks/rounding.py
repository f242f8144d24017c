"""bfloat16's rounding, done in float32 arithmetic: what autocast gives a network, on processors that lack bfloat16."""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear


class _Rounded(torch.autograd.Function):
    """Rounds to bfloat16 and back, the value on the way forward and the gradient on the way back."""

    @staticmethod
    def forward(_context: object, values: Tensor) -> Tensor:
        return values.bfloat16().float()

    @staticmethod
    def backward(_context: object, gradient: Tensor) -> Tensor:
        return gradient.bfloat16().float()


class _Convolution(nn.Conv2d):
    def forward(self, images: Tensor) -> Tensor:
        parameters = (rounded(tensor) for tensor in (images, self.weight, self.bias))
        return rounded(conv2d(*parameters, self.stride, self.padding, self.dilation, self.groups))


class _Linear(nn.Linear):
    def forward(self, values: Tensor) -> Tensor:
        return rounded(linear(rounded(values), rounded(self.weight), rounded(self.bias)))


def rounded(values: Tensor) -> Tensor:
    result: Tensor = _Rounded.apply(values)
    return result


def round_like_bfloat16(model: nn.Module) -> None:
    """Make convolutions and linear layers compute on rounded values, sums in float32: the layers that autocast casts.

    They need zero padding and a bias; BatchNorm is left as it is.
    """
    for module in model.modules():
        if type(module) is nn.Conv2d:
            module.__class__ = _Convolution
        elif type(module) is nn.Linear:
            module.__class__ = _Linear
