"""`python -m pipeline`: the commands, and the exits: 0 done, 1 a seed failed, 2 bad input, 128 + signal interrupted."""

import logging
import os
import sys

os.environ["TQDM_DISABLE"] = "1"  # torchvision and MLflow draw bars; the project has its own


def _lacks(error: ModuleNotFoundError) -> str:
    """Return what is missing, and the remedy; raise the error if it is a module of this project."""
    if str(error.name).partition(".")[0] in ("data", "models", "pipeline"):
        raise error
    return f"{sys.executable} lacks {error.name}: make setup, then source .venv/bin/activate"


try:
    import click

    from pipeline.commands.command_line import commands
    from pipeline.console.messages import configure
    from pipeline.console.terminal import coloured
    from pipeline.host.signals import Interrupted, end_with_parent, ignore_signals, raise_on_signals
except ModuleNotFoundError as error:
    print(f"error: {_lacks(error)}", file=sys.stderr)
    sys.exit(2)


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
    except ModuleNotFoundError as error:  # a command imports torch and MLflow when it runs
        return _fail(_lacks(error), 2)
    except Interrupted as error:
        ignore_signals()
        if "MLFLOW_RUN_ID" in os.environ:
            from pipeline.tracking.runs import close_inherited  # here: it imports MLflow, which takes seconds

            close_inherited("KILLED")
        return _fail(f"interrupted by {error}", 128 + error.number)


def _fail(message: str, code: int) -> int:
    logging.getLogger("pipeline").error("%s %s", coloured("error:", "red", sys.stderr), " ".join(message.split()))
    return code


if __name__ == "__main__":
    sys.exit(main())
