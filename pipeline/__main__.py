"""`python -m pipeline`: the commands, and the exits: 0 done, 1 a seed failed, 2 bad input, 128 + signal interrupted."""

import os
import sys

import click

from data import DataError
from models.pretrained import WeightsError
from pipeline.aggregate import SeedsFailed, aggregate
from pipeline.compare import compare
from pipeline.disk import DiskFull
from pipeline.interrupt import Interrupted, end_with_parent, ignore_signals, raise_on_signals
from pipeline.learn.fit import Diverged
from pipeline.prepare import prepare
from pipeline.study import study
from pipeline.tracking.outbox import ServerAway
from pipeline.tracking.runs import RunTaken
from pipeline.tracking.store import StoreError
from pipeline.tracking.stored import RunNotFound
from pipeline.train import SeedBusy, train
from pipeline.values import ConfigError

BAD_INPUT = (ConfigError, DataError, WeightsError, RunNotFound, SeedBusy, StoreError)
FAILED = (SeedsFailed, Diverged, DiskFull, RunTaken, ServerAway)


@click.group()
def commands() -> None:
    """How each layer of a network learns. Every default stands in params.yaml."""


for _command in (study, prepare, train, aggregate, compare):
    commands.add_command(_command)


def main() -> int:
    """Run a command and return its exit code."""
    raise_on_signals()
    if "MLFLOW_RUN_ID" in os.environ:  # mlflow run has started this process, and it must not outlive it
        end_with_parent()
    try:
        commands.main(prog_name="python -m pipeline", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
    except click.ClickException as error:
        return _fail(f"{error.format_message().rstrip('.')}: see python -m pipeline --help", 2)
    except BAD_INPUT as error:
        return _fail(str(error), 2)
    except FAILED as error:
        return _fail(str(error), 1)
    except Interrupted as error:
        ignore_signals()
        return _fail(f"interrupted by {error}", 128 + error.number)
    return 0


def _fail(message: str, code: int) -> int:
    click.echo(f"error: {' '.join(message.split())}", err=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
