"""The type of options that take true or false, as `mlflow run -P quiet=true` gives them."""

from typing import Any

import click

from pipeline.console.errors import BadInput


class TrueOrFalse(click.ParamType[bool]):
    name = "true|false"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:  # noqa: ARG002
        """Return the value of a text; raise BadInput."""
        if str(value).casefold() not in ("true", "false"):
            raise BadInput(f"{param.name if param else self.name} must be true or false; got {value!r}")
        return str(value).casefold() == "true"
