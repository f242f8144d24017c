"""One command-line option for every setting, `--model_name` as well as `--model-name`; their help has the defaults."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from functools import wraps
from typing import Any

import click

from pipeline.config.params import read_params
from pipeline.config.schema import TAKES, Settings, in_sections
from pipeline.console.errors import BadInput


class WithSettings(click.Command):
    """A command that takes settings: its help groups them, with the defaults of params.yaml."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        defaults: dict[str, Any] = {}
        with suppress(BadInput):  # help is shown without params.yaml, too
            defaults = read_params()
        for title, settings in in_sections().items():
            with formatter.section(title):
                formatter.write_dl([(f"--{each.name} VALUE", _help(each.name, defaults)) for each in settings])
        others = [option.get_help_record(ctx) for option in self.get_params(ctx) if option.name not in TAKES]
        with formatter.section("Options"):
            formatter.write_dl([record for record in others if record])
        formatter.write_paragraph()
        formatter.write_text("Defaults are those of params.yaml. A name may be written with - for _, as --model-name.")


def takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all settings as options, and in their place `given`: {name: text} of those that were given."""

    @wraps(command)
    def with_settings(**options: Any) -> None:
        values = {name: options.pop(name) for name in TAKES}
        command(given={name: value for name, value in values.items() if value is not None}, **options)

    decorated: Callable[..., None] = with_settings
    for setting in reversed(fields(Settings)):
        spellings = dict.fromkeys((f"--{setting.name}", f"--{setting.name.replace('_', '-')}"))
        decorated = click.option(*spellings, setting.name, metavar="VALUE")(decorated)
    return decorated


def _help(name: str, defaults: dict[str, Any]) -> str:
    meaning = Settings.__dataclass_fields__[name].metadata["meaning"]
    default = f" [default: {defaults[name]}]" if name in defaults else ""
    return f"{meaning} ({TAKES[name].text}){default}"
