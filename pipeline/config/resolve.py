"""What was given becomes a configuration: defaults from params.yaml, overridden by options, checked and resolved."""

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from data import DATASETS
from models import ARCHITECTURES, ModelError, find
from pipeline.config.params import PARAMS, TABLE, paper_value, read_params, read_table
from pipeline.config.settings import AUTO, DECAY, LOCAL, PAPER, RATE, Config
from pipeline.config.values import ConfigError, Parser, expanded, nearest
from pipeline.host.hardware import can_compile, compile_on, device_kind, precision_on, threads_each, too_many_devices


def load(given: Mapping[str, Any]) -> Config:
    """Return params.yaml of the folder the project runs in, overridden by what was given; raise ConfigError."""
    return on_this_machine(checked(given))


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of every setting, but for what depends on the machine that trains; raise ConfigError."""
    defaults = read_params()
    table = defaults.pop(TABLE, None)
    parsers = {f.name: f.metadata["parser"] for f in fields(Config)}
    for name in defaults:
        if name not in parsers:
            raise ConfigError(
                f"{PARAMS}: unknown key {name}{nearest(str(name), {known: known for known in parsers})}: remove it"
            )
    missing = [name for name in parsers if name not in defaults]
    if missing:
        raise ConfigError(f"{PARAMS}: {', '.join(missing)} is missing: every setting has its default there")
    values = {name: _parse(name, parser, {**defaults, **given}[name]) for name, parser in parsers.items()}
    table = read_table(table, ARCHITECTURES, DATASETS)
    for column, (name, parser) in enumerate((("lr", RATE), ("weight_decay", DECAY))):
        if values[name] == PAPER:
            values[name] = _parse(name, parser, paper_value(table, values["model_name"], values["dataset"], column))
    _check_network(values["model_name"], pretrained=values["pretrained"])
    return values


def _parse(name: str, parser: Parser, value: Any) -> Any:
    try:
        return parser(value)
    except ConfigError as error:
        raise ConfigError(f"{name} {error}; got {value!r}") from None


def _check_network(name: str, *, pretrained: bool) -> None:
    try:
        architecture = find(name)
    except ModelError as error:
        raise ConfigError(f"model_name cannot be used: {error}") from None
    if pretrained and not architecture.imagenet:
        able = ", ".join(name for name, known in ARCHITECTURES.items() if known.imagenet)
        raise ConfigError(
            f"pretrained must be false for {architecture.name}: only {able} and torchvision:<name> have "
            "ImageNet weights"
        )


def on_this_machine(values: Mapping[str, Any]) -> Config:
    """Return checked values as a configuration, with what `auto` means here; raise ConfigError."""
    if values["device"] == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device must be cpu or auto here: torch finds no CUDA device; got 'cuda'")
    device, devices = device_kind(values["device"]), values["devices"]
    jobs = min(values["jobs"], len(values["seeds"])) if values["executor"] == LOCAL else 1
    if too_many := too_many_devices(device, devices, values["batch_size"], jobs):
        raise ConfigError(f"devices {too_many}; got {devices}")
    if values["compile"] and not can_compile():
        raise ConfigError("compile must be false or auto here: a C++ compiler (g++) or Python.h is missing; got true")
    found = {
        "device": device,
        "precision": precision_on(device, values["precision"]),
        "compile": compile_on(device, values["compile"], devices=devices),
        "ray_gpus": 0.0 if values["ray_gpus"] == AUTO else values["ray_gpus"],
        "threads": values["threads"] or threads_each(jobs * devices),
        "data_dir": data_folder(values["data_dir"]),
    }
    return Config(**{**values, **found})


def data_folder(given: str | None) -> str:
    """Return the folder of the data sets on this machine: the one given, or that in the user's cache folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "layerwise"
    return str(_parse("data_dir", expanded, given or str(cache)))
