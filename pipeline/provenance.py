"""Which code, packages and machine made the numbers of a run."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import torch

ROOT = Path(__file__).parent.parent
COMMIT = "LAYERWISE_COMMIT"  # of code that was sent here without its history
PACKAGES = ("torch", "torchvision", "mlflow", "numpy")


def commit() -> str:
    """Return the commit of the project's folder, with -dirty where files differ from it, or unknown."""
    if sent := os.environ.get(COMMIT):
        return sent
    git = ["git", "-C", str(ROOT)]
    try:
        known = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return known.stdout.strip() + ("-dirty" if changed.stdout.strip() else "")


def versions() -> str:
    """Return the versions of Python and of the packages that numbers depend on."""
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in PACKAGES)])


def machine() -> str:
    """Return processor, cores, vector instructions, whether it computes in bfloat16, and the GPU where there is one."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    processor = model or platform.processor() or platform.machine()
    half = "with" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "no"
    gpu = [torch.cuda.get_device_name()] if torch.cuda.is_available() else []
    vectors = f"{torch.backends.cpu.get_cpu_capability()}, {half} bfloat16 arithmetic"
    return ", ".join([processor, f"{os.cpu_count()} cores", vectors, *gpu])
