"""Read settings from params.yaml and options, and resolve `paper` and `auto`."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import torch

from models import ARCHITECTURES
from pipeline.config.folders import data_folder
from pipeline.config.params import TABLE, paper_rates, read_params
from pipeline.config.schema import Settings
from pipeline.config.settings import Config
from pipeline.console.errors import BadInput
from pipeline.host.cores import best_jobs, seeds_in_memory
from pipeline.host.hardware import can_compile, compile_on, device_kind, precision_on, threads_each, too_many_devices


def load_config(given: Mapping[str, Any]) -> Config:
    """Return params.yaml, overridden by what was given and resolved for this machine; raise BadInput."""
    return resolve(read_settings(given))


def read_settings(given: Mapping[str, Any]) -> Settings:
    """Return params.yaml of the working folder, overridden by what was given; raise BadInput."""
    defaults = {name: value for name, value in read_params().items() if name != TABLE}
    settings = Settings(**{**defaults, **given})
    architecture = settings.architecture
    if settings.pretrained and not architecture.imagenet:
        able = ", ".join(name for name, known in ARCHITECTURES.items() if known.imagenet)
        raise BadInput(
            f"pretrained must be false for {architecture.name}: only {able} and torchvision:<name> have "
            "ImageNet weights"
        )
    return settings


def with_paper_rates(settings: Settings) -> Settings:
    """Return settings with `paper` replaced by the numbers of Table 1; raise BadInput."""
    if "paper" not in (settings.lr, settings.weight_decay):
        return settings
    rates = paper_rates(settings.model_name, settings.dataset)._asdict()
    return replace(settings, **{name: rate for name, rate in rates.items() if getattr(settings, name) == "paper"})


def jobs_of(settings: Settings) -> int:
    """Return how many seeds are trained at once on this machine."""
    seeds = len(settings.seeds)
    if settings.executor != "local":
        return 1
    if settings.jobs != "auto":
        return min(settings.jobs, seeds)
    if device_kind(settings.device) == "cuda" or settings.devices > 1:
        return 1
    threads = None if settings.threads == "auto" else settings.threads
    return best_jobs(seeds, torch.get_num_threads(), threads, seeds_in_memory(settings.batch_size))


def resolve(settings: Settings) -> Config:
    """Return settings resolved for this machine; raise BadInput."""
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise BadInput("device must be cpu or auto here: torch finds no CUDA device; got 'cuda'")
    if settings.compile is True and not can_compile():
        raise BadInput("compile must be false or auto here: a C++ compiler (g++) or Python.h is missing; got true")
    device, devices = device_kind(settings.device), settings.devices
    jobs = jobs_of(settings)
    if too_many := too_many_devices(device, devices, settings.batch_size, jobs):
        raise BadInput(f"devices {too_many}; got {devices}")
    found = {
        "device": device,
        "precision": precision_on(device, settings.precision),
        "compile": compile_on(device, settings.compile, devices=devices),
        "jobs": jobs,
        "ray_gpus": 0 if settings.ray_gpus == "auto" else settings.ray_gpus,
        "threads": threads_each(jobs * devices) if settings.threads == "auto" else settings.threads,
        "data_dir": data_folder(settings.data_dir),
    }
    return Config(**asdict(with_paper_rates(settings)) | found)
