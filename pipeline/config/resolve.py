"""Read settings from params.yaml and options, and resolve `paper` and `auto`."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import torch

from models import ARCHITECTURES
from pipeline.analysis.paper import ACCURACIES, SETTINGS
from pipeline.config.folders import data_folder
from pipeline.config.params import LENGTHS, TABLE, Length, Rates, paper_length, paper_rates, read_params
from pipeline.config.schema import Settings
from pipeline.config.settings import Config
from pipeline.console.errors import BadInput
from pipeline.host.hardware import can_compile, compile_on, device_kind, precision_on, threads_each, too_many_devices


def load_config(given: Mapping[str, Any]) -> Config:
    """Return params.yaml, overridden by what was given and resolved for this machine; raise BadInput."""
    return resolve(read_settings(given))


def read_settings(given: Mapping[str, Any]) -> Settings:
    """Return params.yaml of the working folder, overridden by what was given; raise BadInput."""
    defaults = {name: value for name, value in read_params().items() if name not in (TABLE, LENGTHS)}
    settings = Settings(**{**defaults, **given})
    architecture = settings.architecture
    if settings.pretrained and not architecture.imagenet:
        able = ", ".join(name for name, known in ARCHITECTURES.items() if known.imagenet)
        raise BadInput(
            f"pretrained must be false for {architecture.name}: only {able} and torchvision:<name> have "
            "ImageNet weights"
        )
    return settings


def with_paper_values(settings: Settings) -> Settings:
    """Return settings with `paper` replaced by what the paper has for the model and the data set; raise BadInput."""
    rates, length = ([name for name in kind._fields if getattr(settings, name) == "paper"] for kind in (Rates, Length))
    found: dict[str, Any] = {}
    if rates:
        found |= paper_rates(settings.model_name, settings.dataset)._asdict()
    if length:
        found |= paper_length(settings.dataset)._asdict()
    return replace(settings, **{name: found[name] for name in (*rates, *length)})


def paper_settings(model: str, dataset: str) -> dict[str, str]:
    """Return the settings of a study of the paper, as text; nothing for a model or data set that it does not have."""
    if dataset not in ACCURACIES.get(model, {}):
        return {}
    found = paper_rates(model, dataset)._asdict() | paper_length(dataset)._asdict()
    return {name: "none" if value is None else str(value) for name, value in found.items()} | SETTINGS


def resolve(settings: Settings) -> Config:
    """Return settings resolved for this machine; raise BadInput."""
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise BadInput("device must be cpu or auto here: torch finds no CUDA device; got 'cuda'")
    if settings.compile is True and not can_compile():
        raise BadInput("compile must be false or auto here: a C++ compiler (g++) or Python.h is missing; got true")
    device, devices = device_kind(settings.device), settings.devices
    jobs = min(settings.jobs, len(settings.seeds)) if settings.executor == "local" else 1
    if too_many := too_many_devices(device, devices, settings.batch_size, jobs):
        raise BadInput(f"devices {too_many}; got {devices}")
    found = {
        "device": device,
        "precision": precision_on(device, settings.precision),
        "compile": compile_on(device, settings.compile, devices=devices),
        "ray_gpus": 0 if settings.ray_gpus == "auto" else settings.ray_gpus,
        "threads": threads_each(jobs * devices) if settings.threads == "auto" else settings.threads,
        "data_dir": data_folder(settings.data_dir),
    }
    return Config(**asdict(with_paper_values(settings)) | found)
