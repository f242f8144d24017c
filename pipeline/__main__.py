"""`python -m pipeline`: the commands, and the exits: 0 done, 1 a seed failed, 2 bad input, 128 + signal interrupted."""

import logging
import os
import sys

os.environ["TQDM_DISABLE"] = "1"  # torchvision and MLflow draw bars; the project has its own

try:
    import click

    from pipeline.commands.aggregate import aggregate
    from pipeline.commands.compare import compare
    from pipeline.commands.doctor import doctor
    from pipeline.commands.list import listing
    from pipeline.commands.prepare import prepare
    from pipeline.commands.relocate import relocate
    from pipeline.commands.study import study
    from pipeline.commands.sweep import sweep
    from pipeline.commands.train import train
    from pipeline.console.messages import configure, quiet_option
    from pipeline.console.terminal import coloured
    from pipeline.host.provenance import commit, versions
    from pipeline.host.signals import Interrupted, end_with_parent, ignore_signals, raise_on_signals
    from pipeline.measure import __version__
    from pipeline.tracking.runs import close_inherited
except ModuleNotFoundError as error:
    if str(error.name).partition(".")[0] in ("data", "models", "pipeline"):
        raise
    print(f"error: {sys.executable} lacks {error.name}: make setup, then source .venv/bin/activate", file=sys.stderr)
    sys.exit(2)


class InOrder(click.Group):
    """Lists the commands as they were added, the one that most people want first."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(self.commands)


def _print_version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"layerwise {__version__}, commit {commit()}, {versions()}")
        context.exit()


@click.group(
    cls=InOrder,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Settings: params.yaml holds the defaults, and `study --help` names them. `mlflow run . -P name=value` "
    "takes them as well. Exits: 0 done, 1 a seed failed, 2 wrong input, 128 + signal interrupted.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the versions of the project and of what its numbers depend on.",
)
def commands() -> None:
    """How each layer of a network learns: studies of layer-wise weight change, in MLflow."""


_quiet = quiet_option(expose_value=False, help="print warnings and errors only")
for _command in (study, sweep, prepare, train, aggregate, compare, relocate):
    commands.add_command(_quiet(_command))
for _command in (listing, doctor):
    commands.add_command(_command)


def main() -> int:
    """Run a command and return its exit code."""
    configure()
    raise_on_signals()
    if "MLFLOW_RUN_ID" in os.environ:  # mlflow run has started this process, which must end with it
        end_with_parent()
    try:
        return commands.main(prog_name="python -m pipeline", standalone_mode=False) or 0  # what doctor exits with
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.UsageError as error:
        return _fail(f"{error.format_message().rstrip('.')}: see python -m pipeline --help", error.exit_code)
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code)
    except Interrupted as error:
        ignore_signals()
        close_inherited("KILLED")
        return _fail(f"interrupted by {error}", 128 + error.number)


def _fail(message: str, code: int) -> int:
    logging.getLogger("pipeline").error("%s %s", coloured("error:", "red", sys.stderr), " ".join(message.split()))
    return code


if __name__ == "__main__":
    sys.exit(main())
