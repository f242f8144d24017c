"""Command `study`, the project's main: prepare the data, train every seed, aggregate."""

from functools import partial

import click

from pipeline.config.options import WithSettings, takes_settings
from pipeline.config.resolve import read_settings
from pipeline.execution.executor import executor_of
from pipeline.execution.status import live_table
from pipeline.execution.studies import Study
from pipeline.training.inputs import prepare_inputs


@click.command(cls=WithSettings)
@takes_settings
def study(given: dict[str, str]) -> None:
    """Train all seeds and average them: one study."""
    settings = read_settings(given)
    with executor_of([settings]) as executor:
        config = executor.resolve(settings)
        one = Study(config, prepare_inputs(config), config.study_name)
        with live_table([one.status], executor.capacity) as table:
            (failure,) = executor.run([partial(one.run, executor)], table.refresh)
    if failure:
        raise failure
