"""One command-line option for every setting, `--model_name` as well as `--model-name`."""

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any

import click

from pipeline.config.schema import TAKES, Settings


def takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all settings as options, and in their place `given`: {name: text} of those that were given."""

    @wraps(command)
    def with_settings(**options: Any) -> None:
        values = {name: options.pop(name) for name in TAKES}
        command(given={name: value for name, value in values.items() if value is not None}, **options)

    decorated: Callable[..., None] = with_settings
    for setting in reversed(fields(Settings)):
        spellings = dict.fromkeys((f"--{setting.name}", f"--{setting.name.replace('_', '-')}"))
        text = f"{setting.metadata['meaning']} ({TAKES[setting.name].text})"
        decorated = click.option(*spellings, setting.name, metavar="VALUE", help=text)(decorated)
    return decorated
