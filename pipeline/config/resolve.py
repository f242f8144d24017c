"""Read settings from params.yaml and options, and resolve `paper` and `auto`."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from models import registered
from models.architectures import SIZE, Size
from models.names import known_of
from pipeline.config.folders import data_folder
from pipeline.config.params import LENGTHS, TABLE, Length, Rates, paper_length, paper_rates, read_params
from pipeline.config.schema import Settings
from pipeline.config.settings import Config
from pipeline.console.errors import BadInput
from pipeline.host.cores import best_jobs, seeds_in_memory


def load_config(given: Mapping[str, Any]) -> Config:
    """Return params.yaml, overridden by what was given and resolved for this machine; raise BadInput."""
    return resolve(read_settings(given))


def read_settings(given: Mapping[str, Any]) -> Settings:
    """Return params.yaml of the working folder, overridden by what was given; raise BadInput."""
    defaults = {name: value for name, value in read_params().items() if name not in (TABLE, LENGTHS)}
    settings = Settings(**{**defaults, **given})
    networks = registered()
    if (name := settings.model_name) not in networks:  # a file, which is read now, or torchvision's
        name, networks[name] = settings.architecture.name, known_of(settings.architecture)
    if settings.pretrained and not networks[name].has_weights:
        able = ", ".join(name for name, known in registered().items() if known.has_weights)
        raise BadInput(f"pretrained must be false for {name}: only {able} and torchvision:<name> have ImageNet weights")
    if settings.image_size and not networks[name].any_size:
        refuse_size(name, (settings.image_size, settings.image_size))
    return settings


def refuse_size(name: str, image_size: Size) -> None:
    """Raise BadInput if images of a height and width are not those of a network that takes one size alone."""
    if image_size != SIZE:
        able = ", ".join(name for name, known in registered().items() if known.any_size)
        raise BadInput(
            f"image_size must be {SIZE[0]} for {name}: only {able}, torchvision:<name> and your own file "
            f"take other sizes; got images of {image_size[0]} x {image_size[1]}"
        )


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
    from pipeline.analysis.paper import ACCURACIES, SETTINGS  # here: it imports pandas, which takes a second

    if dataset not in ACCURACIES.get(model, {}):
        return {}
    found = paper_rates(model, dataset)._asdict() | paper_length(dataset)._asdict()
    return {name: "none" if value is None else str(value) for name, value in found.items()} | SETTINGS


def jobs_of(settings: Settings) -> int:
    """Return how many seeds are trained at once on this machine."""
    seeds = len(settings.seeds)
    if settings.executor != "local":
        return 1
    if settings.jobs != "auto":
        return min(settings.jobs, seeds)
    from pipeline.host import hardware  # here: it imports torch, which takes seconds

    if hardware.device_kind(settings.device) == "cuda" or settings.devices > 1:
        return 1
    threads = None if settings.threads == "auto" else settings.threads
    if not settings.image_size and settings.dataset.endswith(".npz"):
        return 1  # how large its images are is not known yet
    most = seeds_in_memory(settings.batch_size, settings.image_size or SIZE[0])
    return best_jobs(seeds, hardware.threads_each(1), threads, most)


def resolve(settings: Settings) -> Config:
    """Return settings resolved for this machine; raise BadInput."""
    from pipeline.host import hardware  # here: it imports torch, which takes seconds

    if settings.device == "cuda" and hardware.device_kind("auto") != "cuda":
        raise BadInput("device must be cpu or auto here: torch finds no CUDA device; got 'cuda'")
    if settings.compile is True and not hardware.can_compile():
        raise BadInput("compile must be false or auto here: a C++ compiler (g++) or Python.h is missing; got true")
    paper_settings(settings.model_name, settings.dataset)  # which its report reads: refuse them now
    device, devices = hardware.device_kind(settings.device), settings.devices
    jobs = jobs_of(settings)
    if too_many := hardware.too_many_devices(device, devices, settings.batch_size, jobs):
        raise BadInput(f"devices {too_many}; got {devices}")
    found = {
        "device": device,
        "precision": hardware.precision_on(device, settings.precision),
        "compile": hardware.compile_on(device, settings.compile, devices=devices),
        "jobs": jobs,
        "ray_gpus": 0 if settings.ray_gpus == "auto" else settings.ray_gpus,
        "threads": hardware.threads_each(jobs * devices) if settings.threads == "auto" else settings.threads,
        "data_dir": data_folder(settings.data_dir),
    }
    return Config(**asdict(with_paper_values(settings)) | found)
