"""Errors that a person can act on: the message is one line, what is wrong and what would be right."""

import click


class Failure(click.ClickException):
    """A command fails, or a seed does: `exit_code` is that of the process."""

    exit_code = 1


class BadInput(Failure):
    """What was given is wrong; nothing was trained."""

    exit_code = 2
