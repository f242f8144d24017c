"""What `auto` means on this machine, and what makes a device repeat itself to the last bit."""

import os

import torch


def device_kind(name: str) -> str:
    """Return cpu or cuda for auto."""
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def precision_on(device: str, name: str) -> str:
    """Return fp32 or bf16 for auto: bf16 only where the hardware has it, as emulating it is slow."""
    if name != "auto":
        return name
    return "bf16" if _has_bf16(device) else "fp32"


def make_repeatable(device: str) -> None:
    """Have CUDA choose algorithms that give the same bits every time, where it has them; the CPU does so by itself."""
    if device == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
        torch.use_deterministic_algorithms(True, warn_only=True)


def _has_bf16(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.get_device_capability() >= (8, 0)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
