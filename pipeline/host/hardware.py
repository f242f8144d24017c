"""What `auto` means on this machine, and what makes a device repeat itself to the last bit."""

import os
import shutil
import sysconfig
from pathlib import Path
from typing import Literal

import torch


def device_kind(name: str) -> str:
    """Return cpu or cuda for auto."""
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def too_many_devices(device: str, devices: int, batch_size: int, jobs: int) -> str | None:
    """Return what is wrong with so many devices and would be right, or none."""
    if devices == 1:
        return None
    if device == "cuda" and devices > torch.cuda.device_count():
        return f"must be at most {torch.cuda.device_count()} here: torch finds no more CUDA devices"
    if batch_size < 2 * devices:
        return f"must be at most half of batch_size={batch_size}, for each takes two images of a batch or more"
    if jobs > 1:
        return f"must be 1 with jobs={jobs}: let several devices share a seed, or several seeds run side by side"
    return None


def precision_on(device: str, name: str) -> str:
    """Return fp32 or bf16 for auto: bf16 only where the hardware has it, as emulating it is slow."""
    if name != "auto":
        return name
    return "bf16" if _has_bf16(device) else "fp32"


def compile_on(device: str, wanted: bool | Literal["auto"], *, devices: int = 1) -> bool:
    """Return true or false for auto: compiling gained nothing on CPUs, so cuda alone is worth it.

    With several devices nobody has tried it there, beside a BatchNorm over all of them.
    """
    return device == "cuda" and devices == 1 and can_compile() if wanted == "auto" else wanted


def can_compile() -> bool:
    """Say whether there is what torch.compile builds its kernels with: a C++ compiler and Python's headers."""
    headers = Path(sysconfig.get_path("include"), "Python.h")
    return bool(shutil.which(os.environ.get("CXX") or "g++")) and headers.is_file()


def threads_each(jobs: int) -> int:
    """Return an equal share of this machine's CPU threads for each of several processes side by side."""
    return max(1, torch.get_num_threads() // jobs)


def make_repeatable(device: str, threads: int) -> None:
    """Have the device give the same bits every time: a CPU needs the same threads, CUDA certain algorithms.

    float32 is IEEE's on CUDA too: no TF32. cudnn.benchmark stays off, for it chooses algorithms by how fast they were.
    """
    torch.set_num_threads(threads)
    if device == "cuda":
        # not fp32_precision, which is newer: torch.export of 2.14 stumbles over it
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
        torch.use_deterministic_algorithms(True, warn_only=True)


def _has_bf16(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.get_device_capability() >= (8, 0)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
