"""The commands of `python -m pipeline` with their options: what is given is checked, then a command's own file runs.

That file is imported only then, since torch and MLflow take seconds, which neither help nor a refused value needs.
"""

from dataclasses import replace
from pathlib import Path

import click

from data import DATASETS, DataError
from data.npz import npz_dataset
from pipeline.config.grid import combinations
from pipeline.config.options import WithSettings, takes_settings
from pipeline.config.resolve import read_settings
from pipeline.config.schema import Settings
from pipeline.config.values import distinct_seeds, one_of
from pipeline.console.errors import BadInput
from pipeline.console.messages import quiet_option
from pipeline.host.provenance import commit, release, versions

KINDS = ("models", "datasets", "metrics")
WITH_STUDY = {"register"}  # the settings that `aggregate -P study=` takes


class InOrder(click.Group):
    """Lists the commands as they are written here, the one that most people want first."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(self.commands)


def _print_version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"layerwise {release()}, commit {commit()}, {versions()}")
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


def _with_file(settings: Settings) -> Settings:
    """Return settings; raise BadInput if they name an .npz file that does not exist."""
    if settings.dataset not in DATASETS:
        try:
            npz_dataset(Path(settings.dataset)).find(Path())
        except DataError as error:
            raise BadInput(str(error)) from error
    return settings


_quiet = quiet_option(expose_value=False, help="print warnings and errors only")


@commands.command(cls=WithSettings)
@_quiet
@takes_settings
def study(given: dict[str, str]) -> None:
    """Train all seeds and average them: one study."""
    settings = _with_file(read_settings(given))
    from pipeline.commands.study import run

    run(settings)


@commands.command(cls=WithSettings)
@_quiet
@takes_settings
@click.option(
    "--plan",
    type=click.Choice((True, False), case_sensitive=False),
    default=False,
    help="only print the studies and their time",
)
def sweep(given: dict[str, str], plan: bool) -> None:
    """Run a study for every combination of listed settings, like dataset=MNIST,FMNIST."""
    studies = [_with_file(settings) for settings in combinations(given)]
    from pipeline.commands.sweep import run

    run(studies, given, plan=plan)


@commands.command(cls=WithSettings)
@_quiet
@takes_settings
def prepare(given: dict[str, str]) -> None:
    """Prepare a data set and log what it holds."""
    settings = _with_file(read_settings(given))
    from pipeline.commands.prepare import run

    run(settings)


@commands.command(cls=WithSettings)
@_quiet
@takes_settings
@click.option("--seed", metavar="VALUE", help="the seed to train; required")
def train(given: dict[str, str], seed: str | None) -> None:
    """Train one seed."""
    try:
        (number,) = distinct_seeds(seed)
    except ValueError:
        raise BadInput(f"seed must be one whole number of 0 or more, like -P seed=42; got {seed!r}") from None
    settings = replace(_with_file(read_settings(given)), seeds=(number,))
    if settings.executor != "local":
        raise BadInput("executor must be local for train, which trains one seed in its own process; got 'ray'")
    from pipeline.commands.train import run

    run(settings, number)


@commands.command(cls=WithSettings)
@_quiet
@takes_settings
@click.option("--study", metavar="VALUE", help="id of a study's run: its figures are made again there")
def aggregate(given: dict[str, str], study: str | None) -> None:
    """Average finished seeds: of a study, or of equal settings."""
    settings = read_settings(given)
    if study is not None and (ignored := sorted(set(given) - WITH_STUDY)):
        raise BadInput(f"study has settings of its own: leave out {', '.join(ignored)}; got {study!r}")
    from pipeline.commands.aggregate import run

    run(settings, given, study)


@commands.command()
@_quiet
@click.option("--studies", default="all", metavar="VALUE", help="ids of studies' runs, an MLflow filter, or all")
def compare(studies: str) -> None:
    """Compare finished studies with each other and with the paper."""
    from pipeline.commands.compare import run

    run(studies)


_folder = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="PATH",
    help="folder of the records, one below it for each study",
)


@commands.command()
@_quiet
@click.option("--studies", default="all", metavar="VALUE", help="ids of studies' runs, an MLflow filter, or all")
@_folder
def record(studies: str, folder: Path) -> None:
    """Write finished seeds to a folder, without weights: some 100 kB a study, for a repository."""
    from pipeline.commands.record import record as run

    run(studies, folder)


@commands.command()
@_quiet
@_folder
def restore(folder: Path) -> None:
    """Restore recorded studies to the store: study, aggregate and compare take them as trained."""
    from pipeline.commands.record import restore_all as run

    run(folder)


@commands.command()
@_quiet
def relocate() -> None:
    """Tell a moved or copied SQLite store where its artifacts are."""
    from pipeline.commands.relocate import run

    run()


@commands.command("list")
@click.argument("kind", metavar="|".join(KINDS))
def listing(kind: str) -> None:
    """List the models, the data sets, or the measurements (metrics)."""
    try:
        known = one_of(KINDS).read(kind)
    except ValueError as error:
        raise BadInput(f"what to list {error}; got {kind!r}") from None
    from pipeline.commands.list import run

    run(known)


@commands.command()
@quiet_option(help="print notes and fixes alone")
@click.pass_context
def doctor(context: click.Context, quiet: bool) -> None:
    """Check the prerequisites of a study and say how to fix what is missing."""
    from pipeline.commands.doctor import run

    context.exit(run(quiet=quiet))
