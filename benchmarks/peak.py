"""The FLOP of a call, and the rate of a large matrix product: the peak with which training is compared."""

from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

TYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
SIDES = {"cpu": 2048, "cuda": 8192}  # of the matrices


class Product(NamedTuple):
    """A product of two square matrices, to be timed; `rate` says what its seconds show."""

    left: Tensor
    right: Tensor

    def __call__(self) -> None:
        torch.mm(self.left, self.right)

    def rate(self, seconds: list[float]) -> float:
        """Return the FLOP a second of the fastest of several products."""
        return 2 * len(self.left) ** 3 / min(seconds)

    def __str__(self) -> str:
        return f"matmul of {len(self.left):,} x {len(self.left):,}"


def product(device: str, precision: str) -> Product:
    side = SIDES[device]
    return Product(*(torch.randn(side, side, dtype=TYPES[precision], device=device) for _ in range(2)))


def flop_of(call: Callable[[], object]) -> int:
    """Return the FLOP of the matrix products and convolutions of a call; torch's compiled kernels are not counted."""
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


class Work(NamedTuple):
    """The FLOP of an epoch, and the FLOP a second of a matrix product."""

    flop: int
    peak: float

    def of(self, seconds: list[float]) -> str:
        return f"{self.flop / 1e12:.3g} TFLOP, {self.share(seconds)} of matmul's {self.peak / 1e9:,.0f} GFLOP/s"

    def share(self, seconds: list[float]) -> str:
        """Return the share of the peak, in percent."""
        return f"{100 * self.flop / median(seconds) / self.peak:.0f} %"
