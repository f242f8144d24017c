"""One command-line option for every setting of the configuration, `--model_name` as well as `--model-name`."""

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any

import click

from pipeline.config.resolve import load
from pipeline.config.settings import Config


def takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all settings as options, and in their place `given`: {name: what a person wrote}."""
    names = [setting.name for setting in fields(Config)]

    @wraps(command)
    def with_settings(**options: Any) -> None:
        given = {name: options.pop(name) for name in names}
        command(given={name: value for name, value in given.items() if value is not None}, **options)

    decorated: Callable[..., None] = with_settings
    for setting in reversed(fields(Config)):
        spellings = dict.fromkeys((f"--{setting.name}", f"--{setting.name.replace('_', '-')}"))
        decorated = click.option(*spellings, setting.name, metavar="VALUE", help=setting.metadata["help"])(decorated)
    return decorated


def takes_config(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all settings as options, and in their place `config`, resolved for this machine."""

    @wraps(command)
    def with_config(given: dict[str, str], **options: Any) -> None:
        command(config=load(given), **options)

    return takes_settings(with_config)
