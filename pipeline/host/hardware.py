"""This machine, what `auto` means on it, and the switches for bit-identical results."""

import os
import platform
import shutil
import sysconfig
from pathlib import Path
from typing import Literal

import torch


def device_kind(name: str) -> str:
    """Return the device of a name; `auto` is cuda if torch finds one."""
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def too_many_devices(device: str, devices: int, batch_size: int, jobs: int) -> str | None:
    """Return why a seed cannot use `devices` devices and what to use instead, or None."""
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
    """Return the precision of a name; `auto` is bf16 if the hardware computes in it: emulation is slow."""
    if name != "auto":
        return name
    return "bf16" if has_bf16(device) else "fp32"


def compile_on(device: str, wanted: bool | Literal["auto"], *, devices: int = 1) -> bool:
    """Return whether to compile the model; `auto` compiles on a single CUDA device.

    On CPUs compiling gained nothing; with several devices, whose BatchNorm is synchronised, it is untested.
    """
    return device == "cuda" and devices == 1 and can_compile() if wanted == "auto" else wanted


def can_compile() -> bool:
    """Return whether torch.compile finds what it builds kernels with: a C++ compiler and Python's headers."""
    headers = Path(sysconfig.get_path("include"), "Python.h")
    return bool(shutil.which(os.environ.get("CXX") or "g++")) and headers.is_file()


def threads_each(jobs: int) -> int:
    """Return each process's equal share of this machine's CPU threads."""
    return max(1, torch.get_num_threads() // jobs)


def make_repeatable(device: str, threads: int) -> None:
    """Make results bit-identical from run to run: a CPU needs the same threads, CUDA deterministic algorithms.

    On CUDA, float32 is IEEE's: no TF32. cudnn.benchmark stays off, because it chooses algorithms by their speed.
    """
    torch.set_num_threads(threads)
    if device == "cuda":
        # the newer fp32_precision breaks torch.export of torch 2.14
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
        torch.use_deterministic_algorithms(True, warn_only=True)


def has_bf16(device: str) -> bool:
    """Return whether the hardware computes in bfloat16; processors without AVX512 or AMX count as not."""
    if device == "cuda":
        return torch.cuda.get_device_capability() >= (8, 0)
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def machine() -> str:
    """Return processor, cores, vector instructions, whether it computes in bfloat16, and the GPU where there is one."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    processor = model or platform.processor() or platform.machine()
    half = "with" if has_bf16("cpu") else "no"
    gpu = [torch.cuda.get_device_name()] if torch.cuda.is_available() else []
    vectors = f"{torch.backends.cpu.get_cpu_capability()}, {half} bfloat16 arithmetic"
    return ", ".join([processor, f"{os.cpu_count()} cores", vectors, *gpu])


def has_amx() -> bool:
    """Return whether oneDNN multiplies with AMX, which `ONEDNN_MAX_CPU_ISA` may forbid."""
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "ALL").upper()
    return bool(torch.cpu.get_capabilities().get("amx_bf16")) and ("AMX" in limit or limit in ("ALL", "DEFAULT"))
